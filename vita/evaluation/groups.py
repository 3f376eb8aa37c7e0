"""Bring together the tracks of each (video, category) and match them.

Legend: N tracks of one video, D detections and G ground-truth tracks of one category in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vita.evaluation.average_precision import MAX_DETECTIONS
from vita.evaluation.detections import Detection
from vita.evaluation.ground_truth import Annotation, GroundTruth, VideoSize
from vita.evaluation.mask_tracks import MaskTrack
from vita.evaluation.matching import GroupMatches, ignored_detections, match_detections, outside_area_ranges
from vita.evaluation.tube_iou import Int64s, Tubes


@dataclass(frozen=True)
class Group:
    """The tracks of one (video, category): detections by descending score (ties in file order), at most 100."""

    video_id: int
    category_id: int
    annotations: list[Annotation] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)

    def tracks(self) -> list[MaskTrack]:
        """The masks of the detections, then those of the annotations."""
        return [detection.track for detection in self.detections] + [
            annotation.track for annotation in self.annotations
        ]


def group_tracks(ground_truth: GroundTruth, detections: Sequence[Detection]) -> list[list[Group]]:
    """The non-empty groups of each video of the ground truth; other videos' detections are left out."""
    groups: dict[int, dict[int, Group]] = {video_id: {} for video_id in ground_truth.videos}
    for annotation in ground_truth.annotations:
        _group_of(annotation, groups).annotations.append(annotation)
    for detection in detections:
        if detection.video_id in groups:
            _group_of(detection, groups).detections.append(detection)
    by_video = [[found[key] for key in sorted(found)] for found in groups.values()]
    for group in (group for found in by_video for group in found):
        group.detections.sort(key=lambda detection: -detection.score)
        del group.detections[max(MAX_DETECTIONS) :]
    return by_video


def _group_of(track: Annotation | Detection, groups: dict[int, dict[int, Group]]) -> Group:
    return groups[track.video_id].setdefault(track.category_id, Group(track.video_id, track.category_id))


def match_video(groups: Sequence[Group], size: VideoSize) -> list[GroupMatches]:
    """Match each group of one video. Raises UserError naming the track and frame of a malformed mask."""
    tubes = Tubes([track for group in groups for track in group.tracks()], size.height, size.width)
    matched, first = [], 0
    for group in groups:
        split, last = first + len(group.detections), first + len(group.detections) + len(group.annotations)
        matched.append(_match(group, tubes, np.arange(first, split), np.arange(split, last)))
        first = last
    return matched


def _match(group: Group, tubes: Tubes, detected: Int64s, annotated: Int64s) -> GroupMatches:
    """Match one group, whose tracks are those numbered `detected` (D,) and `annotated` (G,) in `tubes`."""
    areas = tubes.mean_areas.copy()
    areas[annotated] = [
        areas[number] if annotation.listed_area is None else annotation.listed_area
        for number, annotation in zip(annotated, group.annotations, strict=True)
    ]
    outside = outside_area_ranges(areas)
    crowd = np.array([annotation.is_crowd for annotation in group.annotations], bool)
    ignored = outside[:, annotated] | crowd
    ious = tubes.ious(detected, annotated)
    matches = match_detections(ious, crowd, ignored)
    return GroupMatches(
        video_id=group.video_id,
        category_id=group.category_id,
        scores=np.array([detection.score for detection in group.detections], np.float64),
        ious=ious,
        matches=matches,
        ignored=ignored_detections(matches, ignored, outside[:, detected]),
        ground_truth_ignored=ignored,
    )
