"""Masks laid over frames of a video.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import colors
from matplotlib.axes import Axes
from PIL import Image, ImageColor

from vita.report.figures.style import LINE_STYLES

# Disjoint parts of Okabe and Ito's colours: no colour of a track is one of a class.
IDENTITY_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
CLASS_COLOURS = ("#E69F00", "#56B4E9", "#F0E442", "#999999")

# Bytes of all but the grey, which would be lost on grey frames: (objects, 3).
OBJECT_COLOURS = np.array([ImageColor.getrgb(colour) for colour in (*CLASS_COLOURS[:3], *IDENTITY_COLOURS)])

_WIDEST = 480  # pixels of a frame in print; larger ones are made smaller
OPACITY = 0.55


@dataclass(frozen=True)
class Paint:
    """How one of several masks is told apart; the line style changes when the colours are used up."""

    colour: str
    line: Any

    @classmethod
    def of(cls, number: int, palette: Sequence[str]) -> Paint:
        """The n-th of a palette, from 0."""
        return cls(palette[number % len(palette)], LINE_STYLES[number // len(palette) % len(LINE_STYLES)])


def tinted(frame: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The frame in faded grey, each mask in its object's colour, the first above the others: (H, W, 3) uint8.

    frame: (H, W, 3) uint8.  masks: (objects, H, W) bool.
    """
    picture = np.repeat(0.4 * frame.mean(axis=-1, keepdims=True) + 60, 3, axis=-1)
    for number, mask in reversed(list(enumerate(masks))):
        picture[mask] = 0.3 * picture[mask] + 0.7 * OBJECT_COLOURS[number % len(OBJECT_COLOURS)]
    return picture.astype(np.uint8)


def show_frame(axes: Axes, frame: np.ndarray, grey: bool) -> None:
    """frame: (H, W, 3) uint8. grey: without its colours and pale, so that those of masks stand out."""
    picture = np.asarray(Image.fromarray(frame).reduce(_step(frame)))
    if grey:
        picture = np.repeat(picture.mean(axis=-1, keepdims=True) * 0.6 + 80, 3, axis=-1).astype(np.uint8)
    axes.imshow(picture, interpolation="bilinear", extent=_extent(frame))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def show_mask(axes: Axes, mask: np.ndarray, paint: Paint) -> None:
    """mask: (H, W) bool, filled and outlined."""
    filled = np.zeros((*mask[:: _step(mask), :: _step(mask)].shape, 4))
    filled[mask[:: _step(mask), :: _step(mask)]] = colors.to_rgba(paint.colour, OPACITY)
    axes.imshow(filled, interpolation="nearest", extent=_extent(mask))
    _outline(axes, mask, paint.colour, 0.9, paint.line)


def show_target(axes: Axes, mask: np.ndarray) -> None:
    """mask: (H, W) bool, outlined in white on black, which stands out from every frame and colour."""
    _outline(axes, mask, "black", 1.6, "-")
    _outline(axes, mask, "white", 0.7, "-")


def _outline(axes: Axes, mask: np.ndarray, colour: str, points: float, line: Any) -> None:
    small = np.pad(mask[:: _step(mask), :: _step(mask)], 1)  # closed at the edge of the frame too
    if small.any():
        step, (rows, columns) = _step(mask), small.shape
        x, y = (np.arange(columns) - 0.5) * step, (np.arange(rows) - 0.5) * step
        axes.contour(x, y, small.astype(float), [0.5], colors=[colour], linewidths=points, linestyles=[line])
        axes.set(xlim=(0, mask.shape[1]), ylim=(mask.shape[0], 0))


def _step(picture: np.ndarray) -> int:
    return -(-picture.shape[1] // _WIDEST)


def _extent(picture: np.ndarray) -> tuple[float, float, float, float]:
    return (0, picture.shape[1], picture.shape[0], 0)
