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
) -> None:
    """Score predictions: AP, AP50, AP75, AR1, AR10 of YouTube-VIS."""
    from vita.evaluation.evaluate import evaluate_files
    from vita.files import write_json

    evaluation = evaluate_files(gt, pred, limit_videos)
    if out is not None:
        write_json(out, evaluation.to_json())
    typer.echo(evaluation.summary())
