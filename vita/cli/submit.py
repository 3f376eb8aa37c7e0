"""`vita submit`. Heavy imports wait until the command runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def submit(
    dataset: Annotated[Path, typer.Option(help="A data-set YAML; its released validation videos are what is scored.")],
    pred: Annotated[Path, typer.Option(help="Results file of `vita predict --split released_valid`.")],
    out: Annotated[Path, typer.Option(help="Archive to write, .zip.")],
) -> None:
    """Write the archive that an evaluation server takes, and check it by reading it again."""
    from vita.core.config_base import load
    from vita.core.dataset_config import DatasetConfig
    from vita.data.dataset import read_part
    from vita.evaluation.readers.ground_truth import VideoSize
    from vita.evaluation.submission import write_submission

    config = load(DatasetConfig, dataset).model_copy(update={"limit_videos": None})
    split = read_part(config, "released_valid")
    videos = {video.id: VideoSize(video.height, video.width, len(video.frame_paths)) for video in split.videos}
    typer.echo(write_submission(pred, videos, split.category_ids, out).summary())
