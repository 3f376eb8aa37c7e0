"""Average precision and recall from counts, as the official YouTube-VIS evaluator defines them.

Legend: D detections of one category, V videos, T IoU thresholds, R recall levels, K categories, A area ranges,
M detection limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from vita.evaluation.counts import Counts, GroupCounts
from vita.evaluation.main_scores import MEASURES, MainScores
from vita.evaluation.matching import IOU_THRESHOLDS

RECALL_LEVELS = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = (1, 10, 100)  # of one (video, category)
NO_GROUND_TRUTH = -1.0

_TINY = float(np.spacing(1))  # as the official evaluator, against a division by 0
# Of each main score: (T,) whether it counts an IoU threshold; its place in MAX_DETECTIONS, None for average precision.
THRESHOLDS = [
    np.isclose(IOU_THRESHOLDS, measure.iou) if measure.iou else np.ones(len(IOU_THRESHOLDS), np.bool_)
    for measure in MEASURES.values()
]
LIMITS = [MAX_DETECTIONS.index(measure.detections) if measure.detections else None for measure in MEASURES.values()]


@dataclass(frozen=True)
class Scores(MainScores):
    """The official twelve numbers. Sizes by mean area of a track: small <= 128^2 <= medium <= 256^2 <= large."""

    ap_small: float
    ap_medium: float
    ap_large: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float


@dataclass(frozen=True)
class CategoryCounts:
    """The detections of one category over all videos, in descending order of score.

    scores: (D,).  video: (D,) position of the detection's video.  rank: (D,) among those of its own video.
    matched, ignored: (T, D).  ground_truth: (V,) objects to be found in each video.
    """

    scores: NDArray[np.float64]
    video: NDArray[np.int64]
    rank: NDArray[np.int64]
    matched: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    ground_truth: NDArray[np.int64]


def merge_groups(groups: Sequence[GroupCounts], video_ids: Sequence[int]) -> CategoryCounts:
    """Join the groups of one category. Equal scores keep the order of the video ids, then that of the file."""
    positions = {video_id: position for position, video_id in enumerate(video_ids)}
    groups = sorted(groups, key=lambda group: positions[group.video_id])
    ground_truth = np.zeros(len(video_ids), np.int64)
    for group in groups:
        ground_truth[positions[group.video_id]] = group.ground_truth
    found = [group for group in groups if len(group.scores)]
    if not found:
        nothing, flags = np.zeros(0, np.int64), np.zeros((len(IOU_THRESHOLDS), 0), bool)
        return CategoryCounts(np.zeros(0), nothing, nothing, flags, flags, ground_truth)
    sizes = [len(group.scores) for group in found]
    scores = np.concatenate([group.scores for group in found])
    order = np.argsort(-scores, kind="stable")
    return CategoryCounts(
        scores[order],
        np.repeat([positions[group.video_id] for group in found], sizes)[order],
        np.concatenate([np.arange(size) for size in sizes])[order],
        np.concatenate([group.matched for group in found], axis=1)[:, order],
        np.concatenate([group.ignored for group in found], axis=1)[:, order],
        ground_truth,
    )


def precision_and_recall(
    category: CategoryCounts, max_detections: int, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision (T, R) at each recall level and final recall (T,); all -1 without ground truth.

    weights: (V,) how often each video counts.
    """
    expected = category.ground_truth @ weights
    if expected == 0:
        shape = len(IOU_THRESHOLDS), len(RECALL_LEVELS)
        return np.full(shape, NO_GROUND_TRUTH), np.full(shape[0], NO_GROUND_TRUTH)
    precision, recall = np.zeros((len(IOU_THRESHOLDS), len(RECALL_LEVELS))), np.zeros(len(IOU_THRESHOLDS))
    kept = np.flatnonzero(category.rank < max_detections)
    counted = weights[category.video[kept]]
    _fill_curves(category.matched, category.ignored, kept, counted, float(expected), RECALL_LEVELS, precision, recall)
    return precision, recall


@numba.njit(cache=True, nogil=True)
def _fill_curves(
    matched: NDArray[np.bool_],
    ignored: NDArray[np.bool_],
    kept: NDArray[np.int64],
    counted: NDArray[np.float64],
    expected: float,
    levels: NDArray[np.float64],
    precision: NDArray[np.float64],
    recall: NDArray[np.float64],
) -> None:
    """Write precision (T, R), 0 where a recall is never reached, and final recall (T,).

    kept: (D,) the detections within the limit.  counted: (D,) how often each counts.  expected: objects to be found.
    """
    reached, best = np.empty(kept.size), np.empty(kept.size)
    for threshold in range(len(recall)):
        right, wrong = 0.0, 0.0
        for rank, detection in enumerate(kept):
            times = 0.0 if ignored[threshold, detection] else counted[rank]
            if matched[threshold, detection]:
                right += times
            else:
                wrong += times
            reached[rank], best[rank] = right / expected, right / (right + wrong + _TINY)
        recall[threshold] = reached[-1] if kept.size else 0.0
        for rank in range(kept.size - 1, 0, -1):
            best[rank - 1] = max(best[rank - 1], best[rank])
        rank = 0
        for level in range(levels.size):
            while rank < kept.size and reached[rank] < levels[level]:
                rank += 1
            if rank < kept.size:
                precision[threshold, level] = best[rank]


def _first_at_recall_levels(recall: NDArray[np.float64]) -> NDArray[np.int64]:
    """(T, R) number of the detection that first reaches each recall, D where none does, from (T, D)."""
    return np.stack([np.searchsorted(row, RECALL_LEVELS, side="left") for row in recall])


def scores_at_recall(category: CategoryCounts, max_detections: int) -> NDArray[np.float64]:
    """(T, R) score down to which detections must be kept for each recall: 0 where it is never reached.

    All -1 without ground truth. With each video counted once.
    """
    expected = category.ground_truth.sum()
    if expected == 0:
        return np.full((len(IOU_THRESHOLDS), len(RECALL_LEVELS)), NO_GROUND_TRUTH)
    kept = category.rank < max_detections
    right = category.matched[:, kept] & ~category.ignored[:, kept]
    reached = _first_at_recall_levels(np.cumsum(right, axis=1) / expected)
    return np.append(category.scores[kept], 0.0)[reached]


def mean_of_valid(values: NDArray[np.float64]) -> float:
    """Mean over the entries that have ground truth; -1 when none has."""
    valid = values[values > NO_GROUND_TRUTH]
    return float(np.mean(valid)) if valid.size else NO_GROUND_TRUTH


def summarise(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> Scores:
    """The twelve numbers from precision (T, R, K, A, M) and recall (T, K, A, M)."""
    main = _main_scores(precision[:, :, :, 0, -1], recall[:, :, 0, :])
    ap_by_size = (mean_of_valid(precision[:, :, :, area, -1]) for area in (1, 2, 3))
    recall_at_most = (mean_of_valid(recall[:, :, area, -1]) for area in range(4))
    return Scores(*main, *ap_by_size, *recall_at_most)


def _main_scores(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> Iterator[float]:
    """In their order, from precision (T, R, K) at the highest limit and recall (T, K, M)."""
    for thresholds, limit in zip(THRESHOLDS, LIMITS, strict=True):
        yield mean_of_valid((precision if limit is None else recall[:, :, limit])[thresholds])


class Resampler:
    """The main scores of any weighting of the videos, for intervals by bootstrap, from kept counts."""

    def __init__(self, counts: Counts) -> None:
        self._video_ids = counts.video_ids
        by_category: dict[int, list[GroupCounts]] = {key: [] for key in counts.category_ids}
        for group in counts.groups:
            by_category[group.category_id].append(group)
        self._categories = [merge_groups(groups, counts.video_ids) for groups in by_category.values()]

    def scores(self, weights: Mapping[int, float] | None = None) -> MainScores:
        """Scores with each video counted `weights[id]` times (absent: not at all); None counts each once.

        A whole-number weight equals that many copies of the video in the data.
        """
        unknown = set(weights or ()) - set(self._video_ids)
        if unknown:
            raise ValueError(f"weights of videos that were not evaluated: {sorted(unknown)}")
        per_video = np.array([1.0 if weights is None else weights.get(key, 0.0) for key in self._video_ids])
        curves = [[precision_and_recall(c, m, per_video) for m in MAX_DETECTIONS] for c in self._categories]
        precision = np.stack([at_limits[-1][0] for at_limits in curves], axis=-1)
        recall = np.stack([np.stack([at[1] for at in at_limits], axis=-1) for at_limits in curves], axis=1)
        return MainScores(*_main_scores(precision, recall))


def scores_from_counts(counts: Counts, weights: Mapping[int, float] | None = None) -> MainScores:
    """The main scores (all areas) from kept counts; see `Resampler.scores`."""
    return Resampler(counts).scores(weights)
