"""A picture of a data set: evenly spaced frames of some videos, and the same frames with their masks.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import ImageColor

from vita.core.contract import UserError, Video
from vita.data.masks import rle
from vita.data.masks.polygons import code_of
from vita.data.ytvis import Instance, Split, read_video_frame
from vita.report.figures.overlay import CLASS_COLOURS, IDENTITY_COLOURS
from vita.report.figures.style import FORMATS, TINY_POINTS, styled, write

# Bytes of all but the grey, which would be lost on grey frames: (objects, 3).
OBJECT_COLOURS = np.array([ImageColor.getrgb(colour) for colour in (*CLASS_COLOURS[:3], *IDENTITY_COLOURS)])
GAP = 0.03  # white space between frames, in frame widths
FRAME_INCHES = 1.3


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
    aspect = max(video.height / video.width for video, _ in shown)
    width = frames_per_video * FRAME_INCHES * (1 + GAP)
    with styled():
        figure = Figure(figsize=(width, len(shown) * (2 * FRAME_INCHES * aspect + 0.2)), layout="constrained")
        axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
        for axis, (video, instances) in zip(axes, shown, strict=True):
            _draw_row(axis, video, instances, split.category_names, frames_per_video)
        write(figure, out)


def _draw_row(
    axis: Axes, video: Video, instances: tuple[Instance, ...], names: tuple[str, ...], frames_per_video: int
) -> None:
    length = len(video.frame_paths)
    numbers = np.unique(np.linspace(0, length - 1, frames_per_video).round().astype(int))
    height, step = video.height, round(video.width * (1 + GAP))
    for column, t in enumerate(numbers.tolist()):
        left = column * step
        frame = read_video_frame(video, t)
        masks = rle.decode(
            [code_of(one.segmentations[t], (video.height, video.width)) for one in instances], *frame.shape[:2]
        )
        for row, picture in enumerate((frame, _overlay(frame, masks))):
            axis.imshow(picture, extent=(left, left + video.width, (row + 1) * height, row * height))
        for mask, one in zip(masks, instances, strict=True):
            _label(axis, mask, names[one.label], left, height)
        axis.text(left + 1, 1, f"{t}", fontsize=5, va="top", color="white")
    axis.set(xlim=(0, frames_per_video * step), ylim=(2 * height, 0))
    axis.set_axis_off()
    axis.set_title(f"{video.name}: {length} frames, {len(instances)} objects", fontsize=TINY_POINTS, loc="left", pad=2)


def _overlay(frame: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The frame in faded grey, each mask in its object's colour: (H, W, 3) uint8."""
    picture = np.repeat(0.4 * frame.mean(axis=-1, keepdims=True) + 60, 3, axis=-1)
    for number, mask in enumerate(masks):
        picture[mask] = 0.3 * picture[mask] + 0.7 * OBJECT_COLOURS[number % len(OBJECT_COLOURS)]
    return picture.astype(np.uint8)


def _label(axis: Axes, mask: np.ndarray, name: str, left: int, top: int) -> None:
    if mask.any():
        row, column = np.argwhere(mask).mean(axis=0)
        axis.text(left + column, top + row, name, fontsize=4, ha="center", va="center", clip_on=True)
