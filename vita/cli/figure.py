"""`vita figure`: figures from finished runs. Heavy imports wait until a command needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vita.cli.command import Commands

figure = Commands(help="Figures from finished runs.", no_args_is_help=True)

Spec = Annotated[Path, typer.Option(help="The figure's rows, resolved in one tier.")]
Runs = Annotated[Path, typer.Option(help="CSV that `vita table runs` wrote.")]
Out = Annotated[Path, typer.Option(help="File to write; .pdf, .png and .csv appear.")]


@figure.command("losses")
def figure_losses(
    histories: Annotated[list[Path], typer.Argument(metavar="CSV...", help="history.csv of runs.")],
    out: Annotated[Path, typer.Option(help="File to write; both .pdf and .png appear.")],
) -> None:
    """Draw the loss over training steps, one panel a method and variant, one line a seed."""
    from vita.report.figures.curves import draw_losses

    draw_losses(histories, out)


@figure.command("convergence")
def figure_convergence(spec: Spec, runs: Runs, out: Out) -> None:
    """Draw validation AP over training steps, mean and standard deviation over seeds."""
    from vita.report.figures.convergence import build_convergence

    for note in build_convergence(spec, runs, out):
        typer.echo(f"note: {note}", err=True)


@figure.command("memory")
def figure_memory(
    probe: Annotated[list[Path], typer.Option(help="Record that `vita probe` wrote; may be repeated, in order.")],
    out: Annotated[Path, typer.Option(help="File to write; both .pdf and .png appear.")],
) -> None:
    """Draw the memory that a video takes over its number of frames, predicted, with what trials measured."""
    from vita.report.figures.memory_figure import draw_memory

    draw_memory(probe, out)


@figure.command("qualitative")
def figure_qualitative(spec: Spec, runs: Runs, out: Out) -> None:
    """Draw the object that gains most over the frame detector while it is occluded."""
    from vita.report.figures.qualitative import build_qualitative

    typer.echo(build_qualitative(spec, runs, out))
