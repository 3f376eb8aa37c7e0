"""Main scores under many weightings of the videos at once, compiled: those of `average_precision` under all of them.

Legend: D detections of all categories, V videos, K categories that have an object, T IoU thresholds, R recall levels,
B weightings, C main scores, M detection limits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vita.core.compiled import compiled
from vita.evaluation.average_precision import LIMITS, MAX_DETECTIONS, RECALL_LEVELS, THRESHOLDS, TINY, merge_groups
from vita.evaluation.counts import IOU_THRESHOLDS, Counts, Flags, Floats, Int64s

_RIGHT, _IGNORED = 1, 2  # 0: wrong
_PRECISION = -1  # in the place of a limit of recall


class WeightedScores:
    """Kept counts, laid out so that a thousand weightings of the videos take about a second."""

    def __init__(self, counts: Counts) -> None:
        merged = [merge_groups(groups, counts.video_ids) for groups in counts.with_objects().values()]
        self._bounds = np.cumsum([0, *(len(category.scores) for category in merged)])
        nothing = np.zeros(0, np.int64)
        self._video = np.concatenate([nothing, *(category.video for category in merged)])
        self._rank = np.concatenate([nothing, *(category.rank for category in merged)])
        outcomes = [np.where(category.ignored, _IGNORED, category.matched).astype(np.int8) for category in merged]
        self._outcomes = np.concatenate([np.zeros((len(IOU_THRESHOLDS), 0), np.int8), *outcomes], axis=1)
        objects = [category.ground_truth for category in merged]
        self._objects = np.array(objects, np.float64).reshape(len(merged), len(counts.video_ids))

    def of(self, weights: NDArray) -> Floats:
        """(B, C) main scores, in their order, of each weighting (B, V); NaN where it leaves no ground truth.

        weights: how often each video counts, 0 or more, in the order of `Counts.video_ids`.
        """
        inputs = (self._bounds, self._video, self._rank, self._outcomes, self._objects)
        limits = np.array([_PRECISION if limit is None else limit for limit in LIMITS])
        chosen = (np.stack(THRESHOLDS), limits, RECALL_LEVELS, np.array(MAX_DETECTIONS))
        return _scores(*inputs, np.ascontiguousarray(weights, np.float64), *chosen)


@compiled()
def _scores(
    bounds: Int64s,
    video: Int64s,
    rank: Int64s,
    outcomes: NDArray[np.int8],
    objects: Floats,
    weights: Floats,
    thresholds: Flags,
    limit_of: Int64s,
    levels: Floats,
    limits: Int64s,
) -> Floats:
    """bounds: (K + 1,) of the categories in video, rank (D,) and outcomes (T, D); objects: (K, V).

    thresholds: (C, T) those that each score counts; limit_of: (C,) index into limits (M,), or _PRECISION.
    """
    precision, recall = np.empty(video.size), np.empty(video.size)  # space for one curve
    found = np.empty(limits.size)
    means = np.zeros((weights.shape[0], limit_of.size))
    for draw in range(weights.shape[0]):
        present = 0
        for category in range(objects.shape[0]):
            expected = (objects[category] * weights[draw]).sum()
            if expected == 0:
                continue
            present += 1
            for t in range(outcomes.shape[0]):
                of_category = slice(bounds[category], bounds[category + 1])
                filled = _curve(
                    video[of_category], rank[of_category], outcomes[t, of_category],
                    weights[draw], expected, limits, precision, recall, found,
                )  # fmt: skip
                average = _mean_precision(filled, precision, recall, levels)
                for column in range(limit_of.size):
                    if thresholds[column, t]:
                        limit = limit_of[column]
                        means[draw, column] += average if limit == _PRECISION else found[limit]
        for column in range(limit_of.size):
            means[draw, column] /= thresholds[column].sum()
        means[draw] /= present if present else np.nan
    return means


@compiled()
def _curve(
    video: Int64s,
    rank: Int64s,
    outcomes: NDArray[np.int8],
    weights: Floats,
    expected: float,
    limits: Int64s,
    precision: Floats,
    recall: Floats,
    found: Floats,
) -> int:
    """Fill precision and recall after each detection that counts, and recall `found` at each limit; how many count."""
    right, wrong, filled = 0.0, 0.0, 0
    found[:] = 0.0
    for n in range(video.size):
        weight = weights[video[n]]
        if weight == 0 or outcomes[n] == _IGNORED or rank[n] >= limits[-1]:
            continue
        if outcomes[n] == _RIGHT:
            right += weight
            for limit in range(limits.size):
                found[limit] += weight if rank[n] < limits[limit] else 0.0
        else:
            wrong += weight
        precision[filled] = right / (right + wrong + TINY)
        recall[filled] = right / expected
        filled += 1
    found /= expected
    return filled


@compiled()
def _mean_precision(count: int, precision: Floats, recall: Floats, levels: Floats) -> float:
    """Mean over recall levels of the highest precision at that recall or beyond."""
    total, best, level = 0.0, 0.0, levels.size - 1
    for n in range(count - 1, -1, -1):
        # Levels that only detections after number n reach.
        while level >= 0 and levels[level] > recall[n]:
            total += best
            level -= 1
        best = max(best, precision[n])
    return (total + best * (level + 1)) / levels.size
