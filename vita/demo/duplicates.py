"""Tracks that show the same object twice: of two of one class, the one with the lower score goes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vita.core.contract import Track
from vita.evaluation.readers.mask_tracks import MaskTrack
from vita.evaluation.tube_iou import Tubes


def without_duplicates(tracks: Sequence[Track], height: int, width: int, most_overlap: float) -> list[Track]:
    """The tracks in their order, without those that overlap a kept one of their class and a higher score.

    Overlap is the IoU of their masks over all frames of the video (height x width pixels); `most_overlap` is the
    largest that stays. Of equal scores the first stays.
    """
    if not tracks:
        return []
    tubes = Tubes([MaskTrack([_code(code) for code in one.segmentations], "track") for one in tracks], height, width)
    numbers = np.arange(len(tracks))
    ious = tubes.ious(numbers, numbers)
    kept: list[int] = []
    for number in sorted(numbers.tolist(), key=lambda number: -tracks[number].score):
        same = [other for other in kept if tracks[other].label == tracks[number].label]
        if not (ious[number, same] > most_overlap).any():
            kept.append(number)
    return [tracks[number] for number in sorted(kept)]


def _code(code: object) -> str:
    counts = code["counts"]  # type: ignore[index]
    return counts.decode() if isinstance(counts, bytes) else str(counts)
