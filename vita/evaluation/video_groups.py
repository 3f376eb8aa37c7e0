"""Bring together the tracks of each (video, category) and match them.

Legend: N tracks of one video, D detections and G ground-truth tracks of one category in it, A area ranges, F frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from vita.evaluation.average_precision import MAX_DETECTIONS
from vita.evaluation.counts import Flags, Floats, Int64s
from vita.evaluation.matching import GroupMatches, match_detections, outside_area_ranges
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import Annotation, GroundTruth, VideoSize
from vita.evaluation.readers.mask_tracks import MaskTrack
from vita.evaluation.tube_iou import Tubes


@dataclass(frozen=True)
class Group:
    """The tracks of one (video, category): detections by descending score (ties in file order)."""

    video_id: int
    category_id: int
    annotations: list[Annotation] = field(default_factory=list)
    detections: list[Detection] = field(default_factory=list)

    def tracks(self) -> list[MaskTrack]:
        """The masks of the detections, then those of the annotations."""
        return [*(one.track for one in self.detections), *(one.track for one in self.annotations)]


def group_tracks(
    ground_truth: GroundTruth, detections: Sequence[Detection], most: int | None = max(MAX_DETECTIONS)
) -> list[list[Group]]:
    """The non-empty groups of each video of the ground truth; other videos' detections are left out.

    most: how many detections a group keeps, those of highest score; None: all.
    """
    groups: dict[int, dict[int, Group]] = {video_id: {} for video_id in ground_truth.videos}
    for annotation in ground_truth.annotations:
        _group_of(annotation, groups).annotations.append(annotation)
    for detection in detections:
        if detection.video_id in groups:
            _group_of(detection, groups).detections.append(detection)
    by_video = [[found[key] for key in sorted(found)] for found in groups.values()]
    for group in (group for found in by_video for group in found):
        group.detections.sort(key=lambda detection: -detection.score)
        if most is not None:
            del group.detections[most:]
    return by_video


def _group_of(track: Annotation | Detection, groups: dict[int, dict[int, Group]]) -> Group:
    return groups[track.video_id].setdefault(track.category_id, Group(track.video_id, track.category_id))


@dataclass(frozen=True)
class FrameOverlaps:
    """One group in single frames.

    ious: (F, G, D), 0 where one of the two has no mask.  visible: (F, G) and predicted: (F, D) have a mask.
    """

    ious: Floats
    visible: Flags
    predicted: Flags


@dataclass(frozen=True)
class DecodedVideo:
    """The groups of one video, whose tracks follow each other in `tubes` as `Group.tracks` lists them."""

    groups: Sequence[Group]
    tubes: Tubes

    def ious(self) -> list[Floats]:
        """(D, G) of each group."""
        shapes = [(len(group.detections), len(group.annotations)) for group in self.groups]
        pairs = [_pairs(first, *shape) for first, shape in zip(self._firsts(), shapes, strict=True)]
        left, right = np.concatenate(pairs, axis=1)
        ends = np.cumsum([detections * annotations for detections, annotations in shapes])
        parts = np.split(self.tubes.pair_ious(left, right), ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def frame_overlaps(self, frames: int) -> list[FrameOverlaps]:
        """Of each group, in each of the first `frames` frames."""
        has_mask = self.tubes.has_mask(frames)
        found = []
        for first, group in zip(self._firsts(), self.groups, strict=True):
            detections, annotations = len(group.detections), len(group.annotations)
            split, last = first + detections, first + detections + annotations
            left, right = _pairs(first, detections, annotations)
            ious = self.tubes.frame_ious(left, right, frames)
            ious = ious.reshape(detections, annotations, frames).transpose(2, 1, 0)
            found.append(FrameOverlaps(ious, has_mask[split:last].T, has_mask[first:split].T))
        return found

    def matches(self, ious: Sequence[Floats]) -> list[GroupMatches]:
        """Match each group, given its IoUs."""
        areas = self.tubes.mean_areas.copy()
        crowd = np.zeros(len(areas), bool)
        for first, group in zip(self._firsts(), self.groups, strict=True):
            for number, annotation in enumerate(group.annotations, first + len(group.detections)):
                crowd[number] = annotation.is_crowd
                if annotation.listed_area is not None:
                    areas[number] = annotation.listed_area
        outside = outside_area_ranges(areas)
        return [
            _match(group, first, group_ious, outside, crowd)
            for first, group, group_ious in zip(self._firsts(), self.groups, ious, strict=True)
        ]

    def _firsts(self) -> Iterator[int]:
        """The number of each group's first track."""
        first = 0
        for group in self.groups:
            yield first
            first += len(group.detections) + len(group.annotations)


def decode_video(groups: Sequence[Group], size: VideoSize) -> DecodedVideo:
    """Decode the tracks of one video. Raises UserError naming the track and frame of a malformed mask."""
    # Where one side is missing nothing is compared, and only the areas count.
    compared = [bool(group.detections and group.annotations) for group in groups]
    tracks = [group.tracks() for group in groups]
    kept = np.repeat(compared, [len(found) for found in tracks])
    return DecodedVideo(groups, Tubes([*chain.from_iterable(tracks)], size.height, size.width, kept))


def match_video(groups: Sequence[Group], size: VideoSize) -> list[GroupMatches]:
    """Match each group of one video. Raises UserError naming the track and frame of a malformed mask."""
    video = decode_video(groups, size)
    return video.matches(video.ious())


def _pairs(first: int, detections: int, annotations: int) -> Int64s:
    """(2, D * G) numbers of the tracks of all pairs of a group whose first track is number `first`."""
    return first + np.indices((detections, annotations)).reshape(2, -1) + np.array([[0], [detections]])


def _match(group: Group, first: int, ious: Floats, outside: Flags, crowd: Flags) -> GroupMatches:
    """Match one group. outside: (A, N) and crowd: (N,), of all tracks of the video."""
    split, last = first + len(group.detections), first + len(group.detections) + len(group.annotations)
    ignored = outside[:, split:last] | crowd[split:last]
    matches, detections_ignored = match_detections(ious, crowd[split:last], ignored, outside[:, first:split])
    return GroupMatches(
        video_id=group.video_id,
        category_id=group.category_id,
        scores=np.array([detection.score for detection in group.detections], np.float64),
        ious=ious,
        matches=matches,
        ignored=detections_ignored,
        ground_truth_ignored=ignored,
    )
