"""`vita claims`. Heavy imports wait until the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def claims(
    table: Annotated[
        list[Path], typer.Option(help="Folder of an experiment, with spec.yaml and runs.csv; may be repeated.")
    ],
    models: Annotated[Path, typer.Option(help="CSV that `vita models --out` wrote.")],
    out: Annotated[Path, typer.Option(help="CSV to write; .md and .html appear beside it.")],
    probe: Annotated[list[Path] | None, typer.Option(help="Record that `vita probe` wrote; may be repeated.")] = None,
) -> None:
    """Hold every claim of the paper against the results in force."""
    from vita.report.claims.pages import build_ledger

    typer.echo(build_ledger(table, models, out, probe or []))
