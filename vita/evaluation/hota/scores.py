"""HOTA of a results file: by category, as a mean over categories with its interval, and over all masks at once.

Legend: B draws, V videos, Q quantities, L localisation thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from itertools import chain
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from vita.core.further_scores import HotaScore
from vita.core.grouping import grouped
from vita.core.records import FurtherValue
from vita.core.threads import usable_cores
from vita.evaluation.bootstrap import FEWEST_VIDEOS, Interval, drawn_weights, further_value, reflected
from vita.evaluation.counts import Floats
from vita.evaluation.hota.matching import LOCALISATION_THRESHOLDS, Quantity, sums
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import GroundTruth, VideoSize
from vita.evaluation.video_groups import Group, decode_video, group_tracks


@dataclass(frozen=True)
class HotaScores:
    """Fractions, each the mean over the 19 localisation thresholds 0.05, 0.1, ..., 0.95.

    hota: at each threshold the geometric mean of det_a and ass_a.  det_a: accuracy of detection, of masks in frames;
    det_re, det_pr: its recall and precision.  ass_a: accuracy of association, how long matches hold over time;
    ass_re, ass_pr: its recall and precision.  loc_a: IoU of the matched masks.
    """

    hota: float
    det_a: float
    det_re: float
    det_pr: float
    ass_a: float
    ass_re: float
    ass_pr: float
    loc_a: float


NAMES = {
    "hota": "HOTA", "det_a": "DetA", "det_re": "DetRe", "det_pr": "DetPr",
    "ass_a": "AssA", "ass_re": "AssRe", "ass_pr": "AssPr", "loc_a": "LocA",
}  # fmt: skip


@dataclass(frozen=True)
class Hota:
    """mean: over the categories that have an object, each the same weight; None without any.

    over_detections: of all masks of all categories together, as if they were one.  by_category: of each category that
    has objects or predictions.  intervals: of the mean, by the names of `HotaScores`; none with fewer than two videos.
    """

    mean: HotaScores | None
    over_detections: HotaScores
    by_category: dict[int, HotaScores]
    intervals: dict[str, Interval]

    def to_json(self) -> dict[str, Any]:
        """Fractions, under the field's names."""
        return {
            "mean": None if self.mean is None else named(self.mean),
            "over_detections": named(self.over_detections),
            "per_category": [{"id": key, **named(scores)} for key, scores in self.by_category.items()],
        }

    def further(self) -> dict[str, FurtherValue]:
        """The columns that tables may ask for."""
        means = dict.fromkeys(NAMES.values()) if self.mean is None else named(self.mean)
        return {
            NAMES[name]: further_value(means[NAMES[name]], self.intervals.get(name))
            for name in NAMES
            if NAMES[name] in get_args(HotaScore)
        }


def named(scores: HotaScores) -> dict[str, float]:
    """By the names that the field gives them: HOTA, DetA, ..."""
    return {NAMES[name]: value for name, value in asdict(scores).items()}


@dataclass(frozen=True)
class _GroupSums:
    """One (video, category). objects: tracks of the ground truth.  sums: (Q, L)."""

    video_id: int
    category_id: int
    objects: int
    sums: Floats


def evaluate_hota(ground_truth: GroundTruth, detections: Sequence[Detection], draws: int = 0, seed: int = 0) -> Hota:
    """Score tracks in every frame of the videos of the ground truth; draws: of the videos, 0 for no intervals.

    Every predicted track counts, whatever its score; masks without a pixel count as masks, and crowds as objects, as in
    TrackEval. Raises UserError naming the track and frame of a malformed mask.
    """
    by_video = [groups for groups in group_tracks(ground_truth, detections, most=None) if groups]
    sizes = [ground_truth.videos[groups[0].video_id] for groups in by_video]
    with ThreadPoolExecutor(usable_cores()) as pool:
        groups = list(chain.from_iterable(pool.map(_of_video, by_video, sizes)))
    categories = _Categories(groups, tuple(ground_truth.videos))
    once = np.ones((1, len(ground_truth.videos)))
    (over_detections,), mean = categories.over_detections(once), categories.mean(once)[0]
    defined = not np.isnan(mean).any()
    intervals = {}
    if draws and len({group.video_id for group in groups if group.objects}) >= FEWEST_VIDEOS:
        drawn = np.concatenate([categories.mean(w) for w in drawn_weights(len(ground_truth.videos), draws, seed)])
        drawn = drawn[~np.isnan(drawn).any(axis=1)]
        names = [field.name for field in fields(HotaScores)]
        intervals = {name: reflected(float(mean[n]), drawn[:, n]) for n, name in enumerate(names) if len(drawn)}
    return Hota(
        HotaScores(*mean.tolist()) if defined else None,
        HotaScores(*over_detections.tolist()),
        {key: HotaScores(*scores[0].tolist()) for key, scores, _ in categories.each(once)},
        intervals,
    )


class _Categories:
    """The sums of all groups, under any weighting of the videos (B, V), in the order of `video_ids`."""

    def __init__(self, groups: Sequence[_GroupSums], video_ids: Sequence[int]) -> None:
        by_category = grouped(groups, lambda group: group.category_id)
        self._groups = {key: by_category[key] for key in sorted(by_category)}
        self._place = {key: place for place, key in enumerate(video_ids)}

    def each(self, weights: NDArray) -> Iterator[tuple[int, Floats, Floats]]:
        """Of each category its id, its scores (B, 8) and how many objects it has (B,)."""
        for key, weighted, objects in self._weighted(weights):
            yield key, scores_of(weighted), objects

    def mean(self, weights: NDArray) -> Floats:
        """(B, 8) over the categories that have an object; NaN where none has."""
        total = np.zeros((len(weights), len(fields(HotaScores))))
        shown = np.zeros((len(weights), 1))
        for _, scores, objects in self.each(weights):
            total += np.where(objects[:, None] > 0, scores, 0.0)
            shown += objects[:, None] > 0
        return np.divide(total, shown, out=np.full_like(total, np.nan), where=shown > 0)

    def over_detections(self, weights: NDArray) -> Floats:
        """(B, 8)."""
        total = np.zeros((len(weights), len(Quantity), len(LOCALISATION_THRESHOLDS)))
        for _, weighted, _ in self._weighted(weights):
            total += weighted
        return scores_of(total)

    def _weighted(self, weights: NDArray) -> Iterator[tuple[int, Floats, Floats]]:
        for key, groups in self._groups.items():
            of_videos = weights[:, [self._place[group.video_id] for group in groups]].astype(np.float64)
            weighted = np.tensordot(of_videos, np.stack([group.sums for group in groups]), axes=1)
            yield key, weighted, of_videos @ np.array([group.objects for group in groups])


def scores_of(weighted: Floats) -> Floats:
    """(B, 8) in the order of `HotaScores`, of sums (B, Q, L).

    Without a match association is 0 and localisation 1, as in TrackEval.
    """
    matched, missed, spurious, association, recall, precision, iou = np.moveaxis(weighted, 1, 0)
    det_a = matched / np.maximum(1, matched + missed + spurious)
    det_re, det_pr = matched / np.maximum(1, matched + missed), matched / np.maximum(1, matched + spurious)
    ass_a, ass_re, ass_pr = (found / np.maximum(1, matched) for found in (association, recall, precision))
    loc_a = np.where(matched > 0, iou / np.maximum(1, matched), 1.0)
    curves = (np.sqrt(det_a * ass_a), det_a, det_re, det_pr, ass_a, ass_re, ass_pr, loc_a)
    return np.stack([curve.mean(axis=1) for curve in curves], axis=1)


def _of_video(groups: Sequence[Group], size: VideoSize) -> list[_GroupSums]:
    overlaps = decode_video(groups, size).frame_overlaps(size.length)
    return [
        _GroupSums(group.video_id, group.category_id, len(group.annotations), sums(found))
        for group, found in zip(groups, overlaps, strict=True)
    ]
