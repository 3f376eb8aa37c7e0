"""Greedy matching of the detections of one (video, category) to its ground truth.

Legend: D detections, G ground-truth tracks, T IoU thresholds, A area ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vita.evaluation.counts import GroupCounts

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# In pixels, both ends belong to the range: an object of exactly 128 x 128 is small and medium.
AREA_RANGES = {"all": (0.0, 1e10), "small": (0.0, 128.0**2), "medium": (128.0**2, 256.0**2), "large": (256.0**2, 1e10)}
UNMATCHED = -1

_LOW, _HIGH = np.array(list(AREA_RANGES.values())).T
# An IoU of 1 up to rounding passes every threshold.
_REQUIRED = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)


@dataclass(frozen=True)
class GroupMatches:
    """The matches of one (video, category), its detections in descending order of score.

    scores: (D,).  ious: (D, G).  matches: (A, T, D) which ground-truth track each detection got, or -1.
    ignored: (A, T, D) detections that count neither as right nor as wrong.
    ground_truth_ignored: (A, G) crowds and tracks outside the area range.
    """

    video_id: int
    category_id: int
    scores: NDArray[np.float64]
    ious: NDArray[np.float64]
    matches: NDArray[np.int64]
    ignored: NDArray[np.bool_]
    ground_truth_ignored: NDArray[np.bool_]

    def counts(self, area: int) -> GroupCounts:
        """What the scores need to know, in area range number `area`."""
        return GroupCounts(
            self.video_id,
            self.category_id,
            int(np.count_nonzero(~self.ground_truth_ignored[area])),
            self.scores,
            self.matches[area] != UNMATCHED,
            self.ignored[area],
        )


def outside_area_ranges(areas: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(A, N) for areas (N,) in pixels."""
    return (areas < _LOW[:, None]) | (areas > _HIGH[:, None])


def match_detections(
    ious: NDArray[np.float64], crowd: NDArray[np.bool_], ignored: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(A, T, D) ground-truth track of each detection, or -1; detections in descending order of score.

    ious: (D, G).  crowd: (G,) may be taken by several detections.  ignored: (A, G).
    Each detection takes the track of highest IoU, at or above the threshold, that is still free; tracks that are not
    ignored come before ignored ones, and the later of two equal ones wins (the rule of the official evaluator).
    """
    shape = (len(AREA_RANGES), len(IOU_THRESHOLDS), len(crowd))
    matches = np.full((*shape[:2], len(ious)), UNMATCHED, np.int64)
    taken = np.zeros(shape, bool)
    for detection in np.flatnonzero((ious >= _REQUIRED[0]).any(axis=1)):
        usable = (ious[detection] >= _REQUIRED[:, None]) & ~(taken & ~crowd)
        preferred = usable & ~ignored[:, None, :]
        pool = np.where(preferred.any(axis=2, keepdims=True), preferred, usable)
        best = _last_argmax(np.where(pool, ious[detection], -1.0))
        chosen = (best[..., None] == np.arange(len(crowd))) & pool
        matches[..., detection] = np.where(chosen.any(axis=2), best, UNMATCHED)
        taken |= chosen
    return matches


def _last_argmax(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return values.shape[-1] - 1 - np.argmax(values[..., ::-1], axis=-1)


def ignored_detections(
    matches: NDArray[np.int64], ground_truth_ignored: NDArray[np.bool_], outside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """(A, T, D): matched to an ignored track (A, G), or unmatched and outside the area range (A, D)."""
    if not ground_truth_ignored.shape[1]:
        return np.repeat(outside[:, None, :], len(IOU_THRESHOLDS), axis=1)
    # Where nothing is matched, -1 reads the last track; that value is not used.
    taken_ignored = ground_truth_ignored[np.arange(len(AREA_RANGES))[:, None, None], matches]
    return np.where(matches == UNMATCHED, outside[:, None, :], taken_ignored)
