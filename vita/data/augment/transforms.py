"""Geometric steps of augmentation: frames, masks, and points of polygons and boxes moved alike.

Legend: H W pixels, P points (x, y), N boxes (left, top, right, bottom), both in pixels from the top left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from vita.data.augment.resize import Picture, nearest_pixels, resize_frame

Size = tuple[int, int]  # height, width
Floats = NDArray[np.float64]
Lines = NDArray[np.int64]  # numbers of the rows, or of the columns, of a mask


class Transform(Protocol):
    """One step with its parameters. Equal parameters are equal transforms."""

    def frame(self, frame: Picture) -> np.ndarray:
        """(H, W, 3) uint8 -> (H', W', 3)."""
        ...

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """(H, W) bool -> (H', W')."""
        ...

    def points(self, points: Floats) -> Floats:
        """(P, 2) -> (P, 2), not cut at the frame's border."""
        ...


@runtime_checkable
class LineChoice(Protocol):
    """A transform whose masks consist of whole rows and columns of the old one: several make one choice."""

    def rows(self, rows: Lines) -> Lines:
        """Numbers of the old rows, as chosen so far -> of the rows that are left, in order."""
        ...

    def columns(self, columns: Lines) -> Lines:
        """The same of columns."""
        ...


@dataclass(frozen=True)
class Resize:
    """From one size to another, as in `vita.data.augment.resize`; masks by the nearest pixel."""

    old: Size
    new: Size

    def frame(self, frame: Picture) -> np.ndarray:
        """See `Transform`."""
        return resize_frame(frame, self.new)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """See `Transform`."""
        return choose_lines([self], mask)

    def points(self, points: Floats) -> Floats:
        """See `Transform`."""
        return points * (self.new[1] / self.old[1], self.new[0] / self.old[0])

    def rows(self, rows: Lines) -> Lines:
        """See `LineChoice`."""
        return rows[nearest_pixels(self.old[0], self.new[0])]

    def columns(self, columns: Lines) -> Lines:
        """See `LineChoice`."""
        return columns[nearest_pixels(self.old[1], self.new[1])]


@dataclass(frozen=True)
class Flip:
    """Left and right exchanged. width: of the frame."""

    width: int

    def frame(self, frame: Picture) -> np.ndarray:
        """See `Transform`."""
        return np.asarray(frame)[:, ::-1]

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """See `Transform`."""
        return mask[:, ::-1]

    def points(self, points: Floats) -> Floats:
        """See `Transform`."""
        return np.stack([self.width - points[:, 0], points[:, 1]], axis=1)

    def rows(self, rows: Lines) -> Lines:
        """See `LineChoice`."""
        return rows

    def columns(self, columns: Lines) -> Lines:
        """See `LineChoice`."""
        return columns[::-1]


@dataclass(frozen=True)
class Crop:
    """The window whose top left pixel is (left, top)."""

    left: int
    top: int
    width: int
    height: int

    def frame(self, frame: Picture) -> np.ndarray:
        """See `Transform`."""
        return np.asarray(frame)[self.top : self.top + self.height, self.left : self.left + self.width]

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """See `Transform`."""
        return self.frame(mask)

    def points(self, points: Floats) -> Floats:
        """See `Transform`."""
        return points - (self.left, self.top)

    def rows(self, rows: Lines) -> Lines:
        """See `LineChoice`."""
        return rows[self.top : self.top + self.height]

    def columns(self, columns: Lines) -> Lines:
        """See `LineChoice`."""
        return columns[self.left : self.left + self.width]


@dataclass(frozen=True)
class Pad:
    """Grey pixels added below and to the right, up to a size that is not smaller; no object is there."""

    size: Size
    grey: int = 128  # of 255, as detectron2 pads

    def frame(self, frame: Picture) -> np.ndarray:
        """See `Transform`."""
        return self._pad(np.asarray(frame), self.grey)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """See `Transform`."""
        return self._pad(mask, False)

    def points(self, points: Floats) -> Floats:
        """See `Transform`."""
        return points

    def _pad(self, picture: np.ndarray, value: int) -> np.ndarray:
        padded = np.full((*self.size, *picture.shape[2:]), value, picture.dtype)
        padded[: picture.shape[0], : picture.shape[1]] = picture
        return padded


@dataclass(frozen=True)
class Rotation:
    """Anticlockwise about a centre (x, y), in a frame of the same size; black comes in from outside."""

    angle_degrees: float
    centre: tuple[float, float]

    def frame(self, frame: Picture) -> np.ndarray:
        """See `Transform`; bilinear."""
        return self._warp(np.asarray(frame), cv2.INTER_LINEAR)

    def mask(self, mask: np.ndarray) -> np.ndarray:
        """See `Transform`; nearest pixel."""
        return self._warp(mask.astype(np.uint8), cv2.INTER_NEAREST).astype(bool)

    def points(self, points: Floats) -> Floats:
        """See `Transform`."""
        matrix = self._matrix(0.0)
        return points @ matrix[:, :2].T + matrix[:, 2]

    def _warp(self, picture: np.ndarray, interpolation: int) -> np.ndarray:
        # The library counts from the middle of the first pixel, points and centres from its corner.
        matrix = self._matrix(-0.5)
        return np.asarray(
            cv2.warpAffine(np.ascontiguousarray(picture), matrix, picture.shape[1::-1], flags=interpolation)
        )

    def _matrix(self, offset: float) -> Floats:
        centre = self.centre[0] + offset, self.centre[1] + offset
        return np.asarray(cv2.getRotationMatrix2D(centre, self.angle_degrees, 1.0), np.float64)


def choose_lines(choices: Sequence[LineChoice], mask: np.ndarray) -> np.ndarray:
    """(H, W) -> (H', W') under several transforms in turn, each pixel copied once."""
    rows, columns = chosen_lines(choices, (mask.shape[0], mask.shape[1]))
    if mask.flags.f_contiguous:  # first along the lines that lie together in memory
        return mask.T.take(columns, 0).take(rows, 1).T
    return mask.take(rows, 0).take(columns, 1)


def chosen_lines(choices: Sequence[LineChoice], size: Size) -> tuple[Lines, Lines]:
    """Numbers of the rows and columns of a mask of this size that are left under several transforms, in order."""
    rows, columns = (np.arange(length) for length in size)
    for choice in choices:
        rows, columns = choice.rows(rows), choice.columns(columns)
    return rows, columns


def transform_boxes(transform: Transform, boxes: Floats) -> Floats:
    """(N, 4) -> (N, 4): the upright boxes around the moved corners, not cut at the frame's border."""
    corners = boxes[:, [0, 1, 2, 1, 0, 3, 2, 3]].reshape(-1, 2)
    moved = transform.points(corners).reshape(-1, 4, 2)
    return np.concatenate([moved.min(axis=1), moved.max(axis=1)], axis=1)


def clip_boxes(boxes: Floats, size: Size) -> Floats:
    """(N, 4) -> (N, 4): the parts inside a frame of this size."""
    height, width = size
    return np.minimum(boxes.clip(min=0), (width, height, width, height))
