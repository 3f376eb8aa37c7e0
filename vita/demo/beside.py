"""Pictures of a video under different tracks beside each other, each under its title, and those of a validation.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle, Track, Video
from vita.data.masks.polygons import code_of
from vita.data.ytvis import Instance, Split
from vita.demo.overlay import GAP, Painter
from vita.demo.video_file import OwnVideo, StoredVideo

FOUND, TRUTH = "predicted", "ground truth"  # titles
BAND = 20  # pixels of a title, and of its letters' scale
LETTERS = 0.45
FRAMES, EDGE = 4, 240  # of a picture of a validation: frames, and the short edge of each in pixels


@dataclass(frozen=True)
class Beside:
    """A `Painting` of several painters side by side, by title."""

    painters: Mapping[str, Painter]

    def size(self, video: OwnVideo) -> tuple[int, int]:
        """See `Painting`."""
        count = len(self.painters)
        return video.out_height + BAND, count * video.out_width + (count - 1) * GAP

    def painted(self, video: OwnVideo, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """See `Painting`."""
        for number in numbers:
            (frame,) = video.stored(number, number + 1)
            yield _joined([_titled(title, one.over(frame, number)) for title, one in self.painters.items()], axis=1)


def truth_of(video: Video, instances: Sequence[Instance]) -> list[Track]:
    """The labels of a video as tracks, without those of crowds."""
    return [
        Track(one.label, 1.0, [whole_code(code_of(code, _size(video)), _size(video)) for code in one.segmentations])
        for one in instances
        if not one.is_crowd
    ]


def draw_validation(split: Split, tracks: Sequence[Track]) -> np.ndarray:
    """The first video of a split: the best tracks, as many as it has objects, above those, (H, W, 3) uint8."""
    video, truth = split.videos[0], truth_of(split.videos[0], split.instances[0])
    shown = {FOUND: distinct(tracks)[: len(truth)], TRUTH: truth}
    source = StoredVideo(video, shown_edge=EDGE)
    numbers = np.unique(np.linspace(0, len(source) - 1, FRAMES).round().astype(int)).tolist()
    rows = []
    for title, row in shown.items():
        painter = Painter(row, split.category_names, with_scores=title == FOUND)
        rows.append(_titled(title, _joined(list(painter.painted(source, numbers)), axis=1)))
    return _joined(rows, axis=0)


def distinct(tracks: Sequence[Track]) -> list[Track]:
    """By descending score, without those that have all masks of a better one: the same object under another class."""
    kept: dict[tuple[str, ...], Track] = {}
    for track in sorted(tracks, key=lambda one: -one.score):
        kept.setdefault(tuple(code["counts"] for code in track.segmentations), track)
    return list(kept.values())


def _size(video: Video) -> tuple[int, int]:
    return video.height, video.width


def whole_code(code: Rle | None, size: tuple[int, int]) -> Rle:
    """A code for every frame of this size (height, width): of an empty mask where there is none."""
    return code or Rle(size=list(size), counts=coco_mask.encode(np.zeros(size, np.uint8, "F"))["counts"].decode())


def _joined(pictures: Sequence[np.ndarray], axis: int) -> np.ndarray:
    """With a white gap between them; they agree in the other edge."""
    gap = list(pictures[0].shape)
    gap[axis] = GAP
    between = np.full(gap, 255, np.uint8)
    return np.concatenate([part for picture in pictures for part in (between, picture)][1:], axis)


def _titled(title: str, picture: np.ndarray) -> np.ndarray:
    band = np.full((BAND, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(band, title, (4, BAND - 6), cv2.FONT_HERSHEY_SIMPLEX, LETTERS, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([band, picture])
