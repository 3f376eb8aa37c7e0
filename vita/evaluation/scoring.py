"""Score predicted tracks against ground truth in the YouTube-VIS format.

Agrees with the official YouTube-VIS evaluator to the last bit, except where that one fails: no prediction at all
scores 0, and ground truth with id 0 can be matched. Detections beyond the best 100 of a (video, category) do not
count.

Legend: T IoU thresholds, R recall levels, K categories, O those of them with an object, A area ranges,
M detection limits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.grouping import grouped
from vita.core.records import MetricsRecord
from vita.core.threads import usable_cores
from vita.evaluation.average_precision import (
    MAX_DETECTIONS,
    NO_GROUND_TRUTH,
    RECALL_LEVELS,
    Scores,
    categories_json,
    main_scores,
    mean_of_valid,
    merge_groups,
    precision_and_recall,
    scores_json,
    summarise,
)
from vita.evaluation.counts import IOU_THRESHOLDS, Counts, Floats, GroupCounts
from vita.evaluation.main_scores import MainScores
from vita.evaluation.matching import AREA_RANGES, GroupMatches
from vita.evaluation.readers.detections import Detection, read_detections, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.video_groups import group_tracks, match_video


@dataclass(frozen=True)
class Curves:
    """Of the categories that have an object, ascending by id: others would take space and say nothing.

    category_ids: O ids.  precision: (T, R, O, A, M) and recall: (T, O, A, M) fractions, -1 where there is no ground
    truth; area ranges all, small, medium, large, detection limits 1, 10, 100.
    """

    category_ids: tuple[int, ...]
    precision: Floats
    recall: Floats


@dataclass(frozen=True)
class Evaluation:
    """The result: scores, and the curves and counts behind them.

    groups: IoU and matches of each (video, category) that has tracks.
    """

    scores: Scores
    per_category_ap: dict[int, float]
    category_names: dict[int, str]
    curves: Curves
    groups: list[GroupMatches]
    counts: Counts

    def precision(self) -> Floats:
        """(T, R, K, A, M) of all categories, as the official evaluator keeps it; -1 where there is no ground truth."""
        return self._of_all(self.curves.precision, axis=2)

    def recall(self) -> Floats:
        """(T, K, A, M), as `precision`."""
        return self._of_all(self.curves.recall, axis=1)

    def _of_all(self, found: Floats, axis: int) -> Floats:
        places = np.searchsorted(self.counts.category_ids, self.curves.category_ids)
        shape = (*found.shape[:axis], len(self.counts.category_ids), *found.shape[axis + 1 :])
        whole = np.full(shape, NO_GROUND_TRUTH)
        whole[(slice(None),) * axis + (places,)] = found
        return whole

    def record(self) -> MetricsRecord:
        """For the metrics file. All scores are fractions in [0, 1], not points; null where there is no ground truth.

        `counts` (see `Counts.to_json`) is enough to compute the main scores of any resampling of the videos.
        """
        return MetricsRecord(
            scores=scores_json(self.scores),
            per_category=categories_json(self.category_names, self.per_category_ap),
            num_videos=len(self.counts.video_ids),
            counts=self.counts.to_json(),
        )


def evaluate_files(
    ground_truth: Path, predictions: Path, limit_videos: int | None = None, videos: Collection[int] | None = None
) -> Evaluation:
    """Score a predictions file against a ground-truth file.

    videos: ids of those to score; limit_videos: only so many of them, those of lowest id. Predictions of other videos
    of the ground truth are left out. Raises UserError naming the file and the entry.
    """
    whole = load_ground_truth(ground_truth)
    scored = whole.part(videos, limit_videos)
    return evaluate_detections(scored, read_detections_file(predictions, whole, scored.videos))


def evaluate(ground_truth: GroundTruth, predictions: list[dict[str, Any]]) -> Evaluation:
    """Score predictions that are in memory, in the form of a predictions file. Raises UserError as above."""
    return evaluate_detections(ground_truth, read_detections(predictions, ground_truth, "predictions"))


def evaluate_detections(ground_truth: GroundTruth, detections: Sequence[Detection]) -> Evaluation:
    """Score detections that were read already; those of videos that the ground truth does not have are left out."""
    by_video = [groups for groups in group_tracks(ground_truth, detections) if groups]
    sizes = [ground_truth.videos[groups[0].video_id] for groups in by_video]
    # Beside each other in all cores; the order of the results does not depend on that.
    with ThreadPoolExecutor(usable_cores()) as pool:
        matched = list(pool.map(match_video, by_video, sizes))
    return accumulate(ground_truth, list(chain.from_iterable(matched)))


def accumulate(ground_truth: GroundTruth, groups: list[GroupMatches]) -> Evaluation:
    """The scores of groups that are matched."""
    video_ids, category_ids = tuple(ground_truth.videos), tuple(ground_truth.categories)
    by_area = [group.counts_by_area() for group in groups]
    counts = Counts(video_ids, category_ids, tuple(areas[0] for areas in by_area))
    curves = _curves(by_area, video_ids, tuple(counts.with_objects()), len(AREA_RANGES))
    ap = dict.fromkeys(category_ids, NO_GROUND_TRUTH)
    ap |= {key: mean_of_valid(curves.precision[:, :, k, 0, -1]) for k, key in enumerate(curves.category_ids)}
    return Evaluation(summarise(curves.precision, curves.recall), ap, ground_truth.categories, curves, groups, counts)


def scores_of_counts(counts: Counts) -> MainScores:
    """The main scores of kept counts, to the same last bit as those of `accumulate`."""
    curves = _curves([[group] for group in counts.groups], counts.video_ids, tuple(counts.with_objects()), areas=1)
    return MainScores(*main_scores(curves.precision[:, :, :, 0, -1], curves.recall[:, :, 0, :]))


def _curves(
    groups: Sequence[list[GroupCounts]], video_ids: Sequence[int], category_ids: tuple[int, ...], areas: int
) -> Curves:
    """groups: of each (video, category) its counts at A area ranges."""
    shape = len(category_ids), areas, len(MAX_DETECTIONS)
    precision = np.empty((len(IOU_THRESHOLDS), len(RECALL_LEVELS), *shape))
    recall = np.empty((len(IOU_THRESHOLDS), *shape))
    each_once = np.ones(len(video_ids))
    by_category = grouped(groups, lambda by_area: by_area[0].category_id)
    for k, area in np.ndindex(shape[:2]):
        category = merge_groups([by_area[area] for by_area in by_category[category_ids[k]]], video_ids)
        for limit, max_detections in enumerate(MAX_DETECTIONS):
            found = precision_and_recall(category, max_detections, each_once)
            precision[:, :, k, area, limit], recall[:, k, area, limit] = found
    return Curves(category_ids, precision, recall)
