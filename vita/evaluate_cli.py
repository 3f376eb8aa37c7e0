"""`vita evaluate`. Heavy imports wait until the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    gt: Annotated[Path, typer.Option(help="Ground truth in YouTube-VIS format.")],
    pred: Annotated[Path, typer.Option(help="Results file: a list of tracks.")],
    out: Annotated[Path | None, typer.Option(help="Metrics file, with per-video counts.")] = None,
    limit_videos: Annotated[int | None, typer.Option(min=1, help="Only the first n videos by id.")] = None,
    videos: Annotated[
        Path | None, typer.Option(help="A list of `vita data split`: only the videos that it validates on.")
    ] = None,
) -> None:
    """Score predictions: AP, AP50, AP75, AR1, AR10 of YouTube-VIS."""
    from vita.data.local_split import read_local_split
    from vita.evaluation.evaluate import evaluate_files
    from vita.files import write_json

    chosen = read_local_split(videos, gt).videos("valid") if videos else None
    evaluation = evaluate_files(gt, pred, limit_videos, chosen)
    if out is not None:
        write_json(out, evaluation.to_json())
    typer.echo(evaluation.summary())
