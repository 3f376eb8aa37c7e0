"""AP of lightly, moderately and heavily occluded objects, as the authors of OVIS define these groups.

An object's degree of occlusion is the mean over the more occluded half of its frames, of 0 (no occlusion), 0.25
(slight) and 0.75 (severe). Groups hold both of their ends, so that an object on a border is in two of them. Objects of
other groups may be found, at no gain and no cost.

Source: Qi et al., Occluded Video Instance Segmentation: Dataset and ICCV 2021 Challenge, and its evaluator.

Legend: G objects and D detections of one (video, category), N groups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from vita.core.contract import UserError
from vita.core.further_scores import OcclusionScore
from vita.core.grouping import grouped
from vita.core.records import FurtherValue
from vita.evaluation.average_precision import scores_json
from vita.evaluation.bootstrap import Interval, bootstrap, further_value
from vita.evaluation.counts import Counts, Floats, GroupCounts
from vita.evaluation.main_scores import MainScores
from vita.evaluation.matching import GroupMatches, match_detections
from vita.evaluation.readers.ground_truth import Annotation, GroundTruth, OcclusionLevel
from vita.evaluation.scoring import Evaluation, scores_of_counts

DEGREES: dict[OcclusionLevel, float] = {"no": 0.0, "slight": 0.25, "severe": 0.75}
RANGES = {"light": (0.0, 0.25), "medium": (0.25, 0.5), "heavy": (0.5, 1.0)}

_LOW, _HIGH = np.array(list(RANGES.values())).T


@dataclass(frozen=True)
class OcclusionGroup:
    """Objects of a range of degrees. interval: of AP over draws of the videos; None without one."""

    name: str
    videos: int
    objects: int
    scores: MainScores
    interval: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Fractions; null where there is no object."""
        own = {"name": self.name, "videos": self.videos, "objects": self.objects}
        return own | scores_json(self.scores)


@dataclass(frozen=True)
class OvisOcclusion:
    """The groups in their order: light, medium, heavy."""

    groups: tuple[OcclusionGroup, ...]

    def to_json(self) -> list[dict[str, Any]]:
        """As the metrics file holds them."""
        return [group.to_json() for group in self.groups]

    def further(self) -> dict[str, FurtherValue]:
        """The columns that tables may ask for."""
        columns = zip(get_args(OcclusionScore), self.groups, strict=True)
        return {name: further_value(group.scores.ap, group.interval) for name, group in columns}


def degree(levels: Sequence[OcclusionLevel | None]) -> float:
    """0 to 0.75, from an object's level in each frame, None where it is not visible; NaN without any level."""
    found = sorted(DEGREES[level] for level in levels if level is not None)
    upper = found[-math.ceil(len(found) / 2) :]
    return sum(upper) / len(upper) if upper else math.nan


def by_occlusion(truth: GroundTruth, evaluation: Evaluation, draws: int, seed: int) -> OvisOcclusion:
    """AP of light, medium and heavy occlusion. draws: of the videos, 0 for no intervals.

    Objects without labels are in no group. Raises UserError where the ground truth has no labels at all.
    """
    if not any(annotation.occlusion_by_frame for annotation in truth.annotations):
        raise UserError(
            "the ground truth has no labels of occlusion (annotations with `occlusion`, a list of no_occlusion, "
            "slight_occlusion or severe_occlusion a frame, as OVIS has); leave --occlusion out"
        )
    annotated = grouped(truth.annotations, lambda annotation: (annotation.video_id, annotation.category_id))
    ranges = [_counts(group, annotated.get((group.video_id, group.category_id), [])) for group in evaluation.groups]
    groups = [_group(name, evaluation.counts, [of[n] for of in ranges], draws, seed) for n, name in enumerate(RANGES)]
    return OvisOcclusion(tuple(groups))


def _counts(group: GroupMatches, annotations: Sequence[Annotation]) -> list[GroupCounts]:
    """Of one (video, category) in each range; annotations: G, in the order of the group's IoUs."""
    crowd = np.array([one.is_crowd for one in annotations], bool)
    degrees: Floats = np.array([degree(one.occlusion_by_frame) for one in annotations])
    inside = (degrees >= _LOW[:, None]) & (degrees <= _HIGH[:, None])  # (N, G)
    ignored = ~inside | group.ground_truth_ignored[0]
    outside = np.zeros((len(RANGES), len(group.scores)), bool)
    matches, detections_ignored = match_detections(group.ious, crowd, ignored, outside)
    key = group.video_id, group.category_id
    return GroupMatches(*key, group.scores, group.ious, matches, detections_ignored, ignored).counts_by_area()


def _group(name: str, whole: Counts, groups: Sequence[GroupCounts], draws: int, seed: int) -> OcclusionGroup:
    counts = Counts(whole.video_ids, whole.category_ids, tuple(groups))
    intervals = bootstrap(counts, draws, seed).intervals if draws else {}
    videos = {group.video_id for group in groups if group.ground_truth}
    objects = sum(group.ground_truth for group in groups)
    return OcclusionGroup(name, len(videos), objects, scores_of_counts(counts), intervals.get("ap"))
