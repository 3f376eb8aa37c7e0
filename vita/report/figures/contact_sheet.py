"""A picture of a data set: evenly spaced frames of some videos, and the same frames with their masks.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vita.core.contract import UserError, Video
from vita.data.masks import rle
from vita.data.masks.polygons import code_of
from vita.data.ytvis import Instance, Split, read_video_frame
from vita.report.figures.overlay import tinted
from vita.report.figures.style import FORMATS, TINY_POINTS, styled, write

GAP = 0.03  # white space between frames, in frame widths
FRAME_INCHES, TITLE_INCHES = 1.3, 0.2  # width of a frame, height of a title


def draw_contact_sheet(split: Split, videos: int, frames_per_video: int, out: Path) -> None:
    """Write the first `videos` videos, one row each, to `out` (.png or .pdf).

    Above the stored frames, below the masks, one colour an object, with the class name at its centre.
    Raises UserError when `out` has another ending, when there is no video, or when a frame cannot be read.
    """
    if out.suffix not in FORMATS:
        raise UserError(f"{out}: a contact sheet is written as {' or '.join(sorted(FORMATS, reverse=True))}")
    shown = list(zip(split.videos, split.instances, strict=True))[:videos]
    if not shown:
        raise UserError("contact sheet: the data set has no video to show")
    numbers = [_evenly(len(video.frame_paths), frames_per_video) for video, _ in shown]
    width = (max(map(len, numbers)) * (1 + GAP) - GAP) * FRAME_INCHES
    heights = [2 * FRAME_INCHES * video.height / video.width for video, _ in shown]
    whole = sum(heights) + len(shown) * TITLE_INCHES
    with styled():
        figure, top = Figure(figsize=(width, whole)), whole
        for (video, instances), height, chosen in zip(shown, heights, numbers, strict=True):
            top -= TITLE_INCHES + height
            axis = figure.add_axes((0, top / whole, 1, height / whole))
            _draw_row(axis, video, instances, split.category_names, chosen)
            axis.set_xlim(0, video.width * width / FRAME_INCHES)
        write(figure, out)


def _evenly(length: int, frames: int) -> list[int]:
    """Numbers of so many frames of a video, or of all that it has."""
    return [int(number) for number in np.unique(np.linspace(0, length - 1, frames).round())]


def _draw_row(
    axis: Axes, video: Video, instances: tuple[Instance, ...], names: tuple[str, ...], numbers: Sequence[int]
) -> None:
    height, step = video.height, video.width * (1 + GAP)
    for column, t in enumerate(numbers):
        left = column * step
        frame = read_video_frame(video, t)
        masks = rle.decode(
            [code_of(one.segmentations[t], (video.height, video.width)) for one in instances], *frame.shape[:2]
        )
        for row, picture in enumerate((frame, tinted(frame, masks))):
            axis.imshow(picture, extent=(left, left + video.width, (row + 1) * height, row * height), aspect="auto")
        for mask, one in zip(masks, instances, strict=True):
            _label(axis, mask, names[one.label], left, height)
        axis.text(left + 1, 1, f"{t}", fontsize=5, va="top", color="white")
    axis.set_ylim(2 * height, 0)
    axis.set_axis_off()
    title = f"{video.name}: {len(video.frame_paths)} frames, {len(instances)} objects"
    axis.set_title(title, fontsize=TINY_POINTS, loc="left", pad=2)


def _label(axis: Axes, mask: np.ndarray, name: str, left: float, top: int) -> None:
    if mask.any():
        row, column = np.argwhere(mask).mean(axis=0)
        axis.text(left + column, top + row, name, fontsize=4, ha="center", va="center", clip_on=True)
