"""`vita show`: a results file over the frames that it is of. Heavy imports wait until it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from vita.core.contract import UserError


def show(
    predictions: Annotated[Path, typer.Argument(metavar="RESULTS", help="A results file, of our code or of others.")],
    dataset: Annotated[Path | None, typer.Option(help="The data-set YAML of its videos.")] = None,
    split: Annotated[str, typer.Option(help="With --dataset: train, valid or released_valid")] = "valid",
    annotations: Annotated[Path | None, typer.Option(help="Instead of a YAML: the YouTube-VIS file.")] = None,
    frames: Annotated[Path | None, typer.Option(help="With --annotations: the folder of its frames.")] = None,
    video: Annotated[
        str | None, typer.Option(help="Its name or id.  [default: the first with a track that is shown]")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="A video (.mp4), a contact sheet (.png) or a folder.  [default: RESULTS_VIDEO.mp4, here]"),
    ] = None,
    min_score: Annotated[float, typer.Option(help="Of the tracks that are shown.", min=0, max=1)] = 0.3,
    pictures: Annotated[int, typer.Option(help="Of a contact sheet.", min=1)] = 12,
) -> None:
    """Lay the tracks of a results file over a video, the ground truth beside them where there is some."""
    from vita.core.config_base import load
    from vita.core.dataset_config import DatasetConfig
    from vita.data.dataset import Part
    from vita.data.ytvis import read_split
    from vita.demo.show import read_shown, read_videos, write_shown

    if (dataset is None) == (annotations is None and frames is None):
        raise UserError("which videos? Give --dataset, or --annotations and --frames in its place")
    if dataset is not None:
        if split not in get_args(Part):
            raise UserError(f"--split is '{split}'; allowed are {', '.join(get_args(Part))}")
        videos = read_videos(load(DatasetConfig, dataset), cast(Part, split))
    elif annotations is None or frames is None:
        raise UserError("--annotations and --frames go together")
    else:
        videos = read_split(annotations, frames)
    shown = read_shown(predictions, videos, video, min_score)
    place = out or Path(f"{predictions.stem}_{shown.video.name.replace('/', '_')}.mp4")
    write_shown(shown, pictures, place)
    truth = f", {len(shown.truth)} objects beside them" if shown.truth else ""
    typer.echo(f"{place}: {shown.video.name}, {len(shown.found)} tracks of score {min_score:g} or more{truth}")
