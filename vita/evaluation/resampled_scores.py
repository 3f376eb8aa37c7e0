"""Main scores under many weightings of the videos at once, compiled: those of `average_precision` under all of them.

Legend: D detections of all categories, V videos, K categories, T IoU thresholds, R recall levels, B weightings.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from vita.evaluation.average_precision import AP75, MAX_DETECTIONS, RECALL_LEVELS, TINY, merge_groups
from vita.evaluation.counts import Counts, Floats, Int64s
from vita.evaluation.matching import IOU_THRESHOLDS

SCORE_NAMES = ("ap", "ap50", "ap75", "ar1", "ar10")  # columns of `WeightedScores.of`, and fields of `MainScores`

_RIGHT, _IGNORED = 1, 2  # 0: wrong


class WeightedScores:
    """Kept counts, laid out so that a thousand weightings of the videos take about a second."""

    def __init__(self, counts: Counts) -> None:
        merged = [merge_groups(groups, counts.video_ids) for groups in counts.by_category().values()]
        self._bounds = np.cumsum([0, *(len(category.scores) for category in merged)])
        nothing = np.zeros(0, np.int64)
        self._video = np.concatenate([nothing, *(category.video for category in merged)])
        self._rank = np.concatenate([nothing, *(category.rank for category in merged)])
        outcomes = [np.where(category.ignored, _IGNORED, category.matched).astype(np.int8) for category in merged]
        self._outcomes = np.concatenate([np.zeros((len(IOU_THRESHOLDS), 0), np.int8), *outcomes], axis=1)
        objects = [category.ground_truth for category in merged]
        self._objects = np.array(objects, np.float64).reshape(len(merged), len(counts.video_ids))

    def of(self, weights: NDArray) -> Floats:
        """(B, 5) AP, AP50, AP75, AR1 and AR10 of each weighting (B, V); NaN where it leaves no ground truth.

        weights: how often each video counts, 0 or more, in the order of `Counts.video_ids`.
        """
        inputs = (self._bounds, self._video, self._rank, self._outcomes, self._objects)
        return _scores(*inputs, np.ascontiguousarray(weights, np.float64), RECALL_LEVELS, np.array(MAX_DETECTIONS))


@numba.njit(cache=True)
def _scores(
    bounds: Int64s,
    video: Int64s,
    rank: Int64s,
    outcomes: NDArray[np.int8],
    objects: Floats,
    weights: Floats,
    levels: Floats,
    limits: Int64s,
) -> Floats:
    """bounds: (K + 1,) of the categories in video, rank (D,) and outcomes (T, D); objects: (K, V)."""
    precision, recall = np.empty(video.size), np.empty(video.size)  # space for one curve
    means = np.zeros((weights.shape[0], 5))
    for draw in range(weights.shape[0]):
        present = 0
        for category in range(objects.shape[0]):
            expected = (objects[category] * weights[draw]).sum()
            if expected == 0:
                continue
            present += 1
            for t in range(outcomes.shape[0]):
                of_category = slice(bounds[category], bounds[category + 1])
                filled, recall_1, recall_10 = _curve(
                    video[of_category], rank[of_category], outcomes[t, of_category],
                    weights[draw], expected, limits, precision, recall,
                )  # fmt: skip
                _add(means[draw], t, _mean_precision(filled, precision, recall, levels), recall_1, recall_10)
        for column in (0, 3, 4):
            means[draw, column] /= outcomes.shape[0]
        means[draw] /= present if present else np.nan
    return means


@numba.njit(cache=True)
def _add(sums: Floats, threshold: int, precision: float, recall_1: float, recall_10: float) -> None:
    sums[0] += precision
    if threshold == 0:
        sums[1] += precision
    if threshold == AP75:
        sums[2] += precision
    sums[3] += recall_1
    sums[4] += recall_10


@numba.njit(cache=True)
def _curve(
    video: Int64s,
    rank: Int64s,
    outcomes: NDArray[np.int8],
    weights: Floats,
    expected: float,
    limits: Int64s,
    precision: Floats,
    recall: Floats,
) -> tuple[int, float, float]:
    """Fill precision and recall after each detection that counts; their number, and recall at the first two limits."""
    right, wrong, filled = 0.0, 0.0, 0
    right_1, right_10 = 0.0, 0.0
    for n in range(video.size):
        weight = weights[video[n]]
        if weight == 0 or outcomes[n] == _IGNORED or rank[n] >= limits[2]:
            continue
        if outcomes[n] == _RIGHT:
            right += weight
            right_1 += weight if rank[n] < limits[0] else 0.0
            right_10 += weight if rank[n] < limits[1] else 0.0
        else:
            wrong += weight
        precision[filled] = right / (right + wrong + TINY)
        recall[filled] = right / expected
        filled += 1
    return filled, right_1 / expected, right_10 / expected


@numba.njit(cache=True)
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
