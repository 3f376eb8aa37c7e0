"""`vita report`: what is there of the results, on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    results: Annotated[Path, typer.Option(help="Folder of results.")] = Path("results"),
    out: Annotated[Path, typer.Option(help="HTML file to write, which stands by itself.")] = Path("report.html"),
) -> None:
    """Show tables, figures, claims, pictures and runs, whichever are there, on one page."""
    from vita.report.pages.report import write_report

    for problem in write_report(results, out):
        typer.echo(f"not shown: {problem}", err=True)
    typer.echo(out)
