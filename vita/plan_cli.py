"""The command that tells what a tier costs, before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vita.contract import UserError

LIBRARY = Path("workflow/config")


def plan(
    tier: Annotated[str, typer.Option(help="A name in the library, or the path of a tier's YAML file.")] = "smoke",
    target: Annotated[
        list[str] | None, typer.Option(help="Only what this table or figure needs (table6); may be repeated.")
    ] = None,
    library: Annotated[Path, typer.Option(help="Folder of tiers, data sets, methods and experiments.")] = LIBRARY,
    root: Annotated[Path, typer.Option(help="Folder in which results/ lies.")] = Path(),
    out: Annotated[Path | None, typer.Option(help="CSV with a row for every stage of every run.")] = None,
    write_costs: Annotated[
        Path | None, typer.Option(help="Do not plan: write the table of costs with all finished runs into this CSV.")
    ] = None,
) -> None:
    """Tell runs, hours and disk of a tier, and what is left to do. Needs no data and no GPU."""
    from transformers.utils import logging

    from vita.experiments.run_table import RUNS, RunTable
    from vita.planning.costs import measured_costs, read_costs
    from vita.planning.costs import write_costs as write_table
    from vita.planning.distil import costs_with_work, merged
    from vita.planning.plan import make_plan
    from vita.planning.plan_text import plan_text, write_plan

    logging.set_verbosity_error()  # the library warns of every backbone but Swin
    folders = sorted((root / RUNS).glob("*/*/*/*/*/seed*"))
    if write_costs is not None:
        write_table(merged(costs_with_work(folders), read_costs()), write_costs)
        return
    costs = [*(cost for _, cost in measured_costs(folders)), *read_costs()]
    table = RunTable(_tier_file(tier, library), library)
    unknown = sorted(set(target or []) - set(table.specs))
    if unknown:
        raise UserError(f"--target {unknown[0]}: not an experiment of this tier; allowed: {', '.join(table.specs)}")
    found = make_plan(table, costs, root, target or [])
    if out is not None:
        write_plan(found, out)
    typer.echo(plan_text(found))


def _tier_file(tier: str, library: Path) -> Path:
    path = Path(tier) if tier.endswith((".yaml", ".yml")) else library / f"{tier}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in library.glob("*.yaml"))) or "none; is --library right?"
        raise UserError(f"--tier: no tier '{tier}'; known: {known}")
    return path
