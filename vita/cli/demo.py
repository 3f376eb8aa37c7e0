"""The command that shows VITA at work on one's own video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vita.cli.convert import quiet_libraries


def demo(
    video: Annotated[Path, typer.Argument(metavar="VIDEO|DIR", help="A video file, or a folder of pictures.")],
    config: Annotated[Path, typer.Option(help="config.yaml of the run whose weights these are.")],
    weights: Annotated[Path, typer.Option(help="model.safetensors of VITA.")],
    out: Annotated[Path, typer.Option(help="Folder for overlay.mp4, contact_sheet.png and results.json.")],
    min_score: Annotated[float, typer.Option(help="Of the tracks that are shown.", min=0, max=1)] = 0.3,
    top_k: Annotated[int, typer.Option(help="Tracks in results.json.", min=1)] = 10,
    short_edge: Annotated[int, typer.Option(help="Of the frames that the network gets; 0: as stored.", min=0)] = 360,
    spool: Annotated[
        bool, typer.Option("--spool", help="Keep mask features on disk instead of making them twice; tells their size.")
    ] = False,
    suppress_duplicates: Annotated[
        float | None,
        typer.Option(
            metavar="IOU",
            min=0,
            max=1,
            help="Of two tracks of one class whose masks overlap by more, over all frames, leave out the lower score.",
        ),
    ] = None,
    threads: Annotated[int, typer.Option(help="On a CPU.", min=1)] = 1,
) -> None:
    """Find and follow the objects of one video, of any length, in memory that does not grow with it.

    A run that was cut off goes on where it was.
    """
    from vita.core.config_base import load
    from vita.core.run_config import RunConfig
    from vita.demo.run import DemoSettings, run_demo

    quiet_libraries()
    settings = DemoSettings(
        top_k=top_k,
        min_score=min_score,
        short_edge=short_edge or None,
        threads=threads,
        spool=spool,
        suppress_duplicates=suppress_duplicates,
    )
    run_demo(video, load(RunConfig, config), weights, settings, out)
    for name in ("overlay.mp4", "contact_sheet.png", "results.json", "record.json"):
        typer.echo(out / name)
