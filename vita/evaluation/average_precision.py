"""Average precision and recall from counts, as the official YouTube-VIS evaluator defines them.

Legend: D detections of one category, V videos, T IoU thresholds, R recall levels, K categories, A area ranges,
M detection limits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vita.core.compiled import compiled
from vita.evaluation.counts import IOU_THRESHOLDS, Flags, Floats, GroupCounts, Int64s
from vita.evaluation.main_scores import MEASURES, MainScores

RECALL_LEVELS = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = (1, 10, 100)  # of one (video, category)
NO_GROUND_TRUTH = -1.0

TINY = float(np.spacing(1))  # as the official evaluator, against a division by 0
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

    scores: Floats
    video: Int64s
    rank: Int64s
    matched: Flags
    ignored: Flags
    ground_truth: Int64s


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


def precision_and_recall(category: CategoryCounts, max_detections: int, weights: Floats) -> tuple[Floats, Floats]:
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


@compiled(nogil=True)
def _fill_curves(
    matched: Flags,
    ignored: Flags,
    kept: Int64s,
    counted: Floats,
    expected: float,
    levels: Floats,
    precision: Floats,
    recall: Floats,
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
            reached[rank], best[rank] = right / expected, right / (right + wrong + TINY)
        recall[threshold] = reached[-1] if kept.size else 0.0
        for rank in range(kept.size - 1, 0, -1):
            best[rank - 1] = max(best[rank - 1], best[rank])
        rank = 0
        for level in range(levels.size):
            while rank < kept.size and reached[rank] < levels[level]:
                rank += 1
            if rank < kept.size:
                precision[threshold, level] = best[rank]


def scores_at_recall(category: CategoryCounts, max_detections: int) -> Floats:
    """(T, R) score down to which detections must be kept for each recall: 0 where it is never reached.

    All -1 without ground truth. With each video counted once.
    """
    expected = category.ground_truth.sum()
    if expected == 0:
        return np.full((len(IOU_THRESHOLDS), len(RECALL_LEVELS)), NO_GROUND_TRUTH)
    kept = category.rank < max_detections
    right = category.matched[:, kept] & ~category.ignored[:, kept]
    recall = np.cumsum(right, axis=1) / expected
    first = [np.searchsorted(row, RECALL_LEVELS, side="left") for row in recall]  # of the detections, D where none does
    return np.append(category.scores[kept], 0.0)[np.stack(first)]


def mean_of_valid(values: Floats) -> float:
    """Mean over the entries that have ground truth; -1 when none has."""
    valid = values[values > NO_GROUND_TRUTH]
    return float(np.mean(valid)) if valid.size else NO_GROUND_TRUTH


def scores_json(scores: object) -> dict[str, float | None]:
    """A dataclass of scores as written into records: null where there is no ground truth."""
    return {name: or_null(value) for name, value in vars(scores).items()}


def categories_json(names: Mapping[int, str], ap: Mapping[int, float]) -> list[dict[str, Any]]:
    """AP of every category as written into records, both by id."""
    return [{"id": key, "name": name, "ap": or_null(ap[key])} for key, name in names.items()]


def or_null(score: float) -> float | None:
    """As files of scores have it: null where there is no ground truth."""
    return None if score == NO_GROUND_TRUTH else score


def summarise(precision: Floats, recall: Floats) -> Scores:
    """The twelve numbers from precision (T, R, K, A, M) and recall (T, K, A, M)."""
    main = main_scores(precision[:, :, :, 0, -1], recall[:, :, 0, :])
    ap_by_size = (mean_of_valid(precision[:, :, :, area, -1]) for area in (1, 2, 3))
    recall_at_most = (mean_of_valid(recall[:, :, area, -1]) for area in range(4))
    return Scores(*main, *ap_by_size, *recall_at_most)


def main_scores(precision: Floats, recall: Floats) -> Iterator[float]:
    """In their order, from precision (T, R, K) at the highest limit and recall (T, K, M)."""
    for thresholds, limit in zip(THRESHOLDS, LIMITS, strict=True):
        yield mean_of_valid((precision if limit is None else recall[:, :, limit])[thresholds])
