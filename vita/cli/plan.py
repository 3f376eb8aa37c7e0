"""The command that tells what a tier costs, before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vita.cli.json_output import AsJson, print_json
from vita.cli.tiers import Settings, Tier
from vita.core.contract import UserError
from vita.core.progress import say

if TYPE_CHECKING:
    from vita.experiments.planning.costs import Cost
    from vita.experiments.planning.measured import Measured


def plan(
    tier: Tier = "smoke",
    settings: Settings = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Only what this table or figure needs (table6); may be repeated.")
    ] = None,
    library: Annotated[
        Path | None,
        typer.Option(help="Folder of tiers, data sets, methods and experiments.  [default: the workflow's own]"),
    ] = None,
    root: Annotated[Path, typer.Option(help="Folder in which results/ lies.")] = Path(),
    out: Annotated[Path | None, typer.Option(help="CSV with a row for every job.")] = None,
    rehearsed: Annotated[
        int | None, typer.Option(min=1, help="Steps of a rehearsal that ran: tell of it, and plan with its speeds.")
    ] = None,
    write_costs: Annotated[
        Path | None, typer.Option(help="Do not plan: write the table of costs with all finished runs into this CSV.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell jobs, hours and disk of a tier, and what is left to do. Needs no data and no GPU."""
    from vita.experiments.library import library_folder
    from vita.experiments.planning.costs import merged, read_costs
    from vita.experiments.planning.costs import write_costs as write_table
    from vita.experiments.planning.estimate import Estimator
    from vita.experiments.planning.measured import measured_runs
    from vita.experiments.planning.plan import Planner
    from vita.experiments.planning.plan_text import plan_json, plan_text, probes_text, write_plan
    from vita.experiments.reading import find_tier
    from vita.experiments.run_table import RUNS, RunTable
    from vita.experiments.settings import read_settings, tier_with_settings

    runs, problems = measured_runs(sorted((root / RUNS).glob("*/*/*/*/*/seed*")))
    for problem in problems:
        typer.echo(f"not used: {problem}", err=True)
    if write_costs is not None:
        write_table(merged(_with_work(runs), read_costs()), write_costs)
        return
    library = library or library_folder()
    file = tier_with_settings(find_tier(tier, library, "--tier"), library, read_settings(settings or []), root)
    if settings:
        say(f"{file}: the tier with what was set")
    table = RunTable(file, library)
    known = [*table.specs, *table.probes]
    unknown = sorted(set(target or []) - set(known))
    if unknown:
        raise UserError(f"--target {unknown[0]}: not an experiment of this tier; allowed: {', '.join(known)}")
    costs, trainings = [*(run.cost for run in runs), *read_costs()], []
    if rehearsed is not None:
        from vita.experiments.planning.rehearsal_report import rehearsal_text, rehearsed_costs, rehearsed_trainings

        rehearsal = RunTable(file, library, rehearsed)
        trainings = rehearsed_trainings(rehearsal, root)
        costs = [*rehearsed_costs(rehearsal, root, table.tier.tier), *read_costs()]
    found = Planner(table, Estimator(costs, counted=lambda: _with_work(runs)), root).plan(target or [])
    probes = {name: asked for name, asked in table.probes.items() if not target or name in target}
    if out is not None:
        write_plan(found, out)
    if as_json:
        print_json(plan_json(found, probes, trainings))
        return
    told = [rehearsal_text(trainings) + "\n"] if rehearsed is not None else []
    told += [plan_text(found), *(probes_text(name, asked) for name, asked in probes.items())]
    typer.echo("\n".join(told))


def _with_work(runs: Sequence[Measured]) -> list[Cost]:
    from vita.experiments.planning.flops import with_work

    return [with_work(run) for run in runs]
