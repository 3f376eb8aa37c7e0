"""Commands that collect runs, make tables of them, and hold the paper's claims against those."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vita.cli.command import Commands
from vita.cli.json_output import AsJson, print_json

Runs = Annotated[list[Path] | None, typer.Option(help="Run folder; may be repeated.")]
Failed = Annotated[
    list[Path] | None, typer.Option(help="Folder of a run that ended without its result; may be repeated.")
]
External = Annotated[
    list[Path] | None, typer.Option(help="Folder of one seed of an external result, in one tier; may be repeated.")
]
Probes = Annotated[list[Path] | None, typer.Option(help="Record that `vita probe` wrote; may be repeated.")]

table = Commands(help="Tables from finished runs.", no_args_is_help=True)


@table.command("runs")
def table_runs(
    out: Annotated[Path, typer.Option(help="CSV with one row a (run, inference variant).")],
    runs: Runs = None,
    failed: Failed = None,
    server: Annotated[
        list[Path] | None, typer.Option(help="A score that a server gave (results/server/*.json); may be repeated.")
    ] = None,
    external: External = None,
) -> None:
    """Collect all metrics of the runs into one tidy table."""
    from vita.report.runs.tidy_rows import collect_runs

    collect_runs(runs or [], out, server or [], failed or [], external or [])


@table.command("build")
def table_build(
    spec: Annotated[Path, typer.Option(help="The table's rows and columns.")],
    runs: Annotated[Path, typer.Option(help="CSV that `vita table runs` wrote.")],
    out: Annotated[Path, typer.Option(help="CSV to write; .md, .tex and .html appear beside it.")],
    probe: Probes = None,
) -> None:
    """Build one table of the paper and print it."""
    from vita.report.tables.table import build_table

    typer.echo(build_table(spec, runs, out, probe or []))


@table.command("frames")
def table_frames(
    probe: Annotated[list[Path], typer.Option(help="Record that `vita probe` wrote; may be repeated, in order.")],
    out: Annotated[Path, typer.Option(help="CSV to write; .md, .tex and .html appear beside it.")],
) -> None:
    """Build the table of frames that fit into memory, and print it."""
    from vita.report.tables.frames_table import build_frames_table

    typer.echo(build_frames_table(probe, out))


def claims(
    table: Annotated[
        list[Path], typer.Option(help="Folder of an experiment, with spec.yaml and runs.csv; may be repeated.")
    ],
    models: Annotated[Path, typer.Option(help="CSV that `vita models --out` wrote.")],
    out: Annotated[Path, typer.Option(help="CSV to write; .md and .html appear beside it.")],
    probe: Probes = None,
    as_json: AsJson = False,
) -> None:
    """Hold every claim of the paper against the results in force."""
    from vita.report.claims.pages import build_ledger, ledger_json, terminal

    entries = build_ledger(table, models, out, probe or [])
    if as_json:
        print_json(ledger_json(entries))
    else:
        typer.echo(terminal(entries))
