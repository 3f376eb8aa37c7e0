"""What each run predicts in one video, frames in a row: the labels first, then every run, so that they can be compared.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from markupsafe import Markup
from PIL import Image

from vita.core.config_base import digest, parse
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.grouping import grouped
from vita.core.run_config import RunConfig
from vita.data.masks import rle
from vita.data.masks.polygons import code_of
from vita.data.ytvis import Split, read_video_frame
from vita.report.figures.overlay import tinted
from vita.report.figures.predicted_tracks import LabelledPart
from vita.report.pages.html import render
from vita.report.pages.places import run_place
from vita.report.pages.run_folder import RunFolder

FRAMES = 6
LEAST_SCORE = 0.3
WIDEST = 240  # pixels of a frame on the page
QUALITY = 85  # of a JPEG


@dataclass(frozen=True)
class Strip:
    """The frames of one video under some masks, JPEGs. place: the run whose predictions those are, "" for labels."""

    title: str
    place: str
    frames: Sequence[bytes]


@dataclass(frozen=True)
class _OnOneVideo:
    """All strips of one data set. missing: of runs without a strip, a line each that says why."""

    title: str
    strips: Sequence[Strip]
    missing: Sequence[str]


def pictures_section(runs: Sequence[RunFolder]) -> Markup:
    """Of the runs that have predicted; where frames or labels are not there, the section says so."""
    predicted = [run for run in runs if run.predicted is not None and run.predicted.part in (None, "valid")]
    sets = [(parse(RunConfig, run.config(), f"{run.folder}: config").dataset, run) for run in predicted]
    by_data = grouped(sets, lambda pair: digest(pair[0])).values()
    groups = [_of_data(pairs[0][0], [run for _, run in pairs]) for pairs in by_data]
    return render("pictures_section.html.j2", groups=groups, least_score=LEAST_SCORE) if groups else Markup("")


def _of_data(dataset: DatasetConfig, runs: Sequence[RunFolder]) -> _OnOneVideo:
    try:
        video = LabelledPart.read(dataset, "valid").fullest_video()
        labels = Strip("ground truth", "", draw_frames(video.split))
    except UserError as error:
        return _OnOneVideo(dataset.name, [], [str(error)])
    strips, missing = [labels], []
    for run in runs:
        try:
            strips.append(_of_run(run, video))
        except UserError as error:
            missing.append(f"{run.title}: {error}")
    shown = video.split.videos[0]
    numbers = ", ".join(map(str, _numbers(len(shown.frame_paths))))
    return _OnOneVideo(f"{dataset.name}, video {shown.name}, frames {numbers}", strips, missing)


def _of_run(run: RunFolder, video: LabelledPart) -> Strip:
    """Raises UserError when there are no predictions, or they are damaged."""
    files = sorted((run.folder / "predictions").glob("*.json"), key=lambda file: (file.stem != "intact", file.stem))
    if not files:
        raise UserError(f"{run.folder / 'predictions'}: no predictions")
    variant = "" if files[0].stem == "intact" else f", {files[0].stem}"
    return Strip(run.title + variant, run_place(run.words), draw_frames(video.with_tracks(files[0], LEAST_SCORE)))


def draw_frames(split: Split) -> list[bytes]:
    """Evenly spaced frames of the first video with the masks of its instances, JPEGs. Raises UserError as reading."""
    video, objects = split.videos[0], split.instances[0]
    pictures = []
    for t in _numbers(len(video.frame_paths)):
        codes = [code_of(one.segmentations[t], (video.height, video.width)) for one in objects]
        frame = read_video_frame(video, t)
        pictures.append(_jpeg(tinted(frame, rle.decode(codes, *frame.shape[:2]))))
    return pictures


def _numbers(length: int) -> list[int]:
    return [int(number) for number in np.unique(np.linspace(0, length - 1, FRAMES).round())]


def _jpeg(picture: np.ndarray) -> bytes:
    """picture: (H, W, 3) uint8."""
    image = Image.fromarray(picture)
    image.thumbnail((WIDEST, WIDEST * 4))
    buffer = BytesIO()
    image.save(buffer, format="JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
