"""Greedy matching of the detections of one (video, category) to its ground truth.

Legend: D detections, G ground-truth tracks, T IoU thresholds, A area ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vita.core.compiled import compiled
from vita.evaluation.counts import IOU_THRESHOLDS, Flags, Floats, GroupCounts, Int64s

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
    scores: Floats
    ious: Floats
    matches: Int64s
    ignored: Flags
    ground_truth_ignored: Flags

    def counts(self, area: int) -> GroupCounts:
        """What the scores need to know, in area range number `area`."""
        return self.counts_by_area()[area]

    def counts_by_area(self) -> list[GroupCounts]:
        """The same for each area range."""
        objects = np.count_nonzero(~self.ground_truth_ignored, axis=1).tolist()
        parts = zip(objects, self.matches != UNMATCHED, self.ignored, strict=True)
        return [GroupCounts(self.video_id, self.category_id, n, self.scores, *flags) for n, *flags in parts]


def outside_area_ranges(areas: Floats) -> Flags:
    """(A, N) for areas (N,) in pixels."""
    return (areas < _LOW[:, None]) | (areas > _HIGH[:, None])


def match_detections(ious: Floats, crowd: Flags, truth_ignored: Flags, outside: Flags) -> tuple[Int64s, Flags]:
    """(A, T, D) ground-truth track of each detection, or -1, and whether it counts neither way.

    ious: (D, G), detections in descending order of score.  crowd: (G,) may be taken by several detections.
    truth_ignored: (A, G).  outside: (A, D) not in the area range. The ranges may be of another kind, as of occlusion.
    Each detection takes the track of highest IoU, at or above the threshold, that is still free; tracks that are not
    ignored come before ignored ones, and the later of two equal ones wins (the rule of the official evaluator). A
    detection is ignored when its track is, or when it has none and is outside the area range.
    """
    shape = len(truth_ignored), len(IOU_THRESHOLDS), len(ious)
    matches, ignored = np.empty(shape, np.int64), np.empty(shape, bool)
    _match_all(ious, crowd, truth_ignored, outside, _REQUIRED, matches, ignored)
    return matches, ignored


@compiled(nogil=True)
def _match_all(
    ious: Floats,
    crowd: Flags,
    truth_ignored: Flags,
    outside: Flags,
    required: Floats,
    matches: Int64s,
    ignored: Flags,
) -> None:
    """Fill `matches` and `ignored`."""
    for area in range(matches.shape[0]):
        for threshold in range(matches.shape[1]):
            taken = np.zeros(len(crowd), np.bool_)
            for detection in range(len(ious)):
                best = _best_track(ious[detection], required[threshold], truth_ignored[area], taken)
                matches[area, threshold, detection] = best
                if best == UNMATCHED:
                    ignored[area, threshold, detection] = outside[area, detection]
                else:
                    ignored[area, threshold, detection] = truth_ignored[area, best]
                    taken[best] = not crowd[best]


@compiled(nogil=True)
def _best_track(ious: Floats, required: float, ignored: Flags, taken: Flags) -> int:
    """The free track of highest IoU (G,), -1 when none reaches `required`."""
    best = UNMATCHED
    for track in range(len(ious)):
        if taken[track] or ious[track] < required:
            continue
        alike = best != UNMATCHED and ignored[best] == ignored[track]
        if best == UNMATCHED or ignored[best] > ignored[track] or (alike and ious[track] >= ious[best]):
            best = track
    return best
