"""The `vita` command: parse, load, call one function, save. Heavy imports wait until a command needs them."""

from __future__ import annotations

import gc
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Literal

import typer

import vita
from vita.cli.command import Commands
from vita.cli.convert import convert, quiet_libraries
from vita.cli.data import data
from vita.cli.demo import demo
from vita.cli.evaluate import evaluate, evaluate_frames, submit
from vita.cli.external import import_results
from vita.cli.figure import figure
from vita.cli.json_output import AsJson, print_json
from vita.cli.plan import plan
from vita.cli.predict import predict
from vita.cli.probe import probe
from vita.cli.publish import publish
from vita.cli.report import report
from vita.cli.run import run
from vita.cli.show import show
from vita.cli.table import claims, table
from vita.cli.train import train
from vita.core.contract import Interrupted, UserError
from vita.core.plain_text import error_line
from vita.core.progress import say

app = Commands(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data, name="data", rich_help_panel="Data")
app.add_typer(table, name="table", rich_help_panel="Results")
app.add_typer(figure, name="figure", rich_help_panel="Results")
app.command(rich_help_panel="Results")(evaluate)
app.command("evaluate-frames", rich_help_panel="Results")(evaluate_frames)
app.command(rich_help_panel="Results")(submit)
app.command("import", rich_help_panel="Results")(import_results)
app.command(rich_help_panel="Results")(claims)
app.command(rich_help_panel="Results")(report)
app.command(rich_help_panel="Results")(publish)
app.command(rich_help_panel="Results")(show)
app.command(rich_help_panel="Runs")(run)
app.command(rich_help_panel="Runs")(plan)
app.command(rich_help_panel="Runs")(train)
app.command(rich_help_panel="Runs")(predict)
app.command(rich_help_panel="Models")(probe)
app.command(rich_help_panel="Models")(demo)
app.add_typer(convert, name="convert", rich_help_panel="Models")


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"vita-bench {vita.__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Reproduce VITA: make data, train, predict, evaluate, tabulate."""


@app.command(rich_help_panel="Models")
def conformance(
    recordings: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of recorded outputs.")],
    full_size: Annotated[bool, typer.Option(help="Include the models in their released sizes (minutes).")] = True,
    out: Annotated[Path | None, typer.Option(help="CSV with one row a group.")] = None,
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(help="Where models run; on cuda without TF32, as they were recorded.")
    ] = "cpu",
) -> None:
    """Hold our models against recorded outputs of the official implementations; exit code 1 when any differs."""
    from vita.engine.device_settings import find_device
    from vita.official.conformance.device import tf32
    from vita.official.conformance.run import Report, run

    quiet_libraries()
    report, chosen = Report(), find_device(device)
    with tf32(allowed=False):
        run(recordings, full_size, report, typer.echo, chosen)
    if out is not None:
        import pandas as pd

        from vita.core.csv_table import csv_text
        from vita.core.files import write_text

        write_text(out, csv_text(pd.DataFrame(report.rows())))
    typer.echo(report.summary())
    raise typer.Exit(int(report.failed))


@app.command(rich_help_panel="Models")
def models(
    frames: Annotated[int, typer.Option(min=1, help="Length of the video that work is counted on.")] = 36,
    out: Annotated[Path | None, typer.Option(help="CSV to write; an .md appears beside it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Parameters and work of every method on every backbone, in their released sizes."""
    say("Loading PyTorch and the models ...")
    from vita.official.model_card import model_cards, tabulated

    quiet_libraries()
    cards = list(model_cards(frames))
    table = tabulated(cards, out)
    if as_json:
        print_json([card.to_json() for card in cards])
    else:
        typer.echo(table)


def main() -> None:
    """Entry point: user errors are one line and exit code 2; an end that was asked for is one line and exit code 75."""
    # Libraries make hundreds of thousands of objects while they load, through which the collector would go every 700.
    gc.set_threshold(10_000)
    # Pillow's, of large pictures and damaged metadata: what is not used is refused in a line of ours.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"error: {error_line(str(error))}\n")
        sys.exit(2)
    except Interrupted as end:
        sys.stderr.write(f"interrupted {end}; the same command goes on\n")
        sys.exit(os.EX_TEMPFAIL)
    finally:
        gc.freeze()  # or the interpreter would look through all that is left once more as it ends, for a second
