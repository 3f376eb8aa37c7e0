"""What was drawn to augment one clip, and its effect on frames, masks and polygons.

Legend: T frames, H W pixels, P points (x, y) in pixels from the top left corner, R rows and C columns that are chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import takewhile
from typing import TypeGuard

import cv2
import numpy as np

from vita.core.contract import Rle
from vita.data.augment.resize import Picture
from vita.data.augment.transforms import Floats, LineChoice, Lines, Size, Transform, chosen_lines
from vita.data.masks.rle import run_lengths


@dataclass(frozen=True)
class Step:
    """One transform for every frame, and the size that all frames then have."""

    transforms: tuple[Transform, ...]
    size: Size


@dataclass(frozen=True)
class ClipTransform:
    """The steps of a clip, in order. old: size of its frames before the first."""

    old: Size
    steps: tuple[Step, ...]

    @property
    def size(self) -> Size:
        """Height and width after all steps."""
        return self.steps[-1].size if self.steps else self.old

    def of_frame(self, t: int) -> tuple[Transform, ...]:
        """The transforms of one frame, in order. Frames with equal ones move alike."""
        return tuple(step.transforms[t] for step in self.steps)

    def frames(self, frames: Sequence[Picture]) -> np.ndarray:
        """T pictures of (H, W, 3) uint8 -> (T, 3, H', W') uint8.

        A picture that occurs several times, as in a pseudo-video, goes once through the steps that are the same.
        """
        pictures = list(frames)
        for step in self.steps:
            done: dict[tuple[int, Transform], np.ndarray] = {}
            keys = [(id(picture), transform) for picture, transform in zip(pictures, step.transforms, strict=True)]
            for key, picture in zip(keys, pictures, strict=True):
                if key not in done:
                    done[key] = key[1].frame(picture)
            pictures = [done[key] for key in keys]
        moved = np.empty((len(pictures), 3, *self.size), np.uint8)
        for place, picture in zip(moved, pictures, strict=True):
            place[:] = np.asarray(picture).transpose(2, 0, 1)
        return moved

    def mask(self, t: int, mask: np.ndarray) -> np.ndarray:
        """(H, W) bool of frame t -> (H', W')."""
        for transform in self.of_frame(t):
            mask = transform.mask(mask)
        return mask

    def code(self, t: int, code: Rle) -> np.ndarray:
        """The same of a run-length code; only pixels that are left are ever unpacked."""
        transforms = self.of_frame(t)
        choices = tuple(takewhile(_chooses_lines, transforms))
        mask = coded_lines(choices, self.old).decode(code)
        for transform in transforms[len(choices) :]:
            mask = transform.mask(mask)
        return mask

    def shown(self, t: int) -> np.ndarray | None:
        """(H', W') bool, what of the stored frame t is shown, without padding and what turns in; None: all is.

        Polygons need it: a part that a crop cuts off would come back in by a rotation.
        """
        if all(map(_chooses_lines, self.of_frame(t))):
            return None
        return self.mask(t, np.ones(self.old, bool))

    def points(self, t: int, points: Floats) -> Floats:
        """(P, 2) of frame t -> (P, 2), not cut at the border."""
        for transform in self.of_frame(t):
            points = transform.points(points)
        return points


def _chooses_lines(transform: Transform) -> TypeGuard[LineChoice]:
    return isinstance(transform, LineChoice)


@dataclass(frozen=True, eq=False)
class CodedLines:
    """Rows and columns of run-length codes, without unpacking the rest.

    Line numbers, in any order and as often as they occur: rows (R), columns (C).
    """

    rows: Lines
    columns: Lines
    _kept: tuple[Lines, Lines] = field(init=False)  # each number once, ascending: rows, columns
    _places: tuple[Lines, Lines] = field(init=False)  # of each line among those

    def __post_init__(self) -> None:
        lines = [np.unique(numbers, return_inverse=True) for numbers in (self.rows, self.columns)]
        object.__setattr__(self, "_kept", tuple(kept for kept, _ in lines))
        object.__setattr__(self, "_places", tuple(places for _, places in lines))

    def decode(self, code: Rle) -> np.ndarray:
        """(R, C) bool: the pixels of these rows and columns."""
        rows, columns = self._kept
        column, row = np.divmod(np.cumsum(run_lengths(code["counts"])), code["size"][0])  # where each run ends
        # The same among the kept pixels, down the kept columns: whole columns before it, and a part of its own.
        before = np.searchsorted(columns, column)
        own = np.append(columns, -1)[before] == column
        ends = before * len(rows) + own * np.searchsorted(rows, row)
        runs = np.diff(ends, prepend=0)
        lines = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(len(columns), len(rows))
        # Put in order along the columns, whose pixels lie together; the library exchanges both axes by blocks.
        mask = cv2.transpose(_in_order(lines, self._places[1]).view(np.uint8)).view(bool)
        return _in_order(mask, self._places[0])


def _in_order(lines: np.ndarray, places: Lines) -> np.ndarray:
    return lines if np.array_equal(places, np.arange(len(lines))) else lines.take(places, 0)


@lru_cache(maxsize=64)
def coded_lines(choices: tuple[LineChoice, ...], size: Size) -> CodedLines:
    """What several transforms in turn choose of masks of this size: the same for all objects of a frame."""
    return CodedLines(*chosen_lines(choices, size))
