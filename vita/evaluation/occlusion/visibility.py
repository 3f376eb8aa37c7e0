"""In which frames an object is occluded: by the labels of its data set (OVIS), otherwise by the masks of the video.

Masks of video data show what is visible. An object counts as occluded where it shows clearly less of itself than it
usually does, and others border on a good part of its outline. Less alone may be the edge of the frame, or distance; a
border alone may be this object's own, in front of the other.

Legend: T frames, N objects of one video, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from vita.core.contract import Rle
from vita.data.masks import rle
from vita.evaluation.readers.ground_truth import Annotation, VideoSize

SHARE_LEFT = 0.75  # of the median visible area of the object; what is below counts as clearly less
SHARE_BORDERED = 0.2  # of the outline, at least
REACH = 0.01  # of the frame's shorter edge, at least one pixel: as far apart, masks still border on each other


@dataclass(frozen=True)
class Visibility:
    """Frames, counted from 0, in which one object is visible.

    Of these, in which it is occluded, and in which it shows about as much of itself as usual and is not.
    """

    visible: tuple[int, ...]
    occluded: tuple[int, ...]
    clear: tuple[int, ...]
    labelled: bool  # the data set's own labels decide


def visibility_of(objects: Sequence[Annotation], size: VideoSize) -> list[Visibility]:
    """Of all objects of one video, whose codes must be sound."""
    frames = _Frames(objects, size)
    areas = np.array([_areas(one, size) for one in objects]).reshape(len(objects), size.length)
    found = []
    for number, one in enumerate(objects):
        visible = np.flatnonzero(areas[number]).tolist()
        usual = np.median(areas[number][visible]) if visible else 0
        less = [t for t in visible if areas[number, t] < SHARE_LEFT * usual]
        if one.occlusion_by_frame:
            levels = dict(enumerate(one.occlusion_by_frame))
            occluded = [t for t in visible if levels.get(t) in ("slight", "severe")]
        else:
            occluded = [t for t in less if frames.bordered_share(number, t) >= SHARE_BORDERED]
        clear = [t for t in visible if t not in less and t not in occluded]
        found.append(Visibility(tuple(visible), tuple(occluded), tuple(clear), bool(one.occlusion_by_frame)))
    return found


def code_at(codes: Sequence[str], frame: int, size: VideoSize) -> Rle | None:
    """The mask of a track in a frame; None without one. Lists may be shorter than their video."""
    code = codes[frame] if frame < len(codes) else ""
    return size.coded(code) if code else None


def _areas(one: Annotation, size: VideoSize) -> np.ndarray:
    """(T,) visible pixels."""
    areas = np.zeros(size.length, np.int64)
    coded = {t: code for t in range(size.length) if (code := code_at(one.track.masks, t, size)) is not None}
    areas[list(coded)] = rle.areas(list(coded.values()))
    return areas


class _Frames:
    """Decoded masks of all objects, a frame at a time."""

    def __init__(self, objects: Sequence[Annotation], size: VideoSize) -> None:
        self._objects, self._size = objects, size
        reach = max(1, round(REACH * min(size.height, size.width)))
        self._kernel = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
        self._masks = lru_cache(maxsize=4)(self._decode)

    def bordered_share(self, number: int, frame: int) -> float:
        """The share of the pixels of an object's outline from which another object is within reach."""
        masks = self._masks(frame)
        others = np.delete(masks, number, axis=0).any(axis=0)
        # A pixel of the outline has one beside it that is not the object's, or lies at the frame's edge.
        inside = cv2.erode(np.pad(masks[number], 1).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
        outline = masks[number] & ~inside
        within_reach = cv2.dilate(np.asarray(others, np.uint8), self._kernel) > 0
        return float((outline & within_reach).sum() / outline.sum())

    def _decode(self, frame: int) -> np.ndarray:
        """(N, H, W) bool."""
        codes = [code_at(one.track.masks, frame, self._size) for one in self._objects]
        return rle.decode(codes, self._size.height, self._size.width)
