"""What tracks gain over independent predictions of single frames, object by object, where the object is occluded.

Both sides must have the right category. That of the tracks is one track in all frames, the one of the highest tube IoU
with the object; that of the frame detector is the best prediction of each frame anew: no association could surpass it.

Legend: D tracks, G objects of one (video, category).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle
from vita.core.grouping import grouped
from vita.evaluation.bootstrap import DRAWS, Difference, difference_of_draws, draw_weights
from vita.evaluation.occlusion.non_maximum_suppression import FramePrediction
from vita.evaluation.occlusion.visibility import Visibility, code_at, visibility_of
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import Annotation, GroundTruth, VideoSize
from vita.evaluation.video_groups import Group, decode_video, group_tracks

FEWEST_FRAMES = 3  # of occlusion: fewer are too few to mean anything

FramePredictions = Mapping[tuple[int, int], Sequence[FramePrediction]]  # by video and frame


@dataclass(frozen=True)
class ObjectGain:
    """One object. track: its best track, None without any. Mask IoUs are fractions, by frame, where it is visible."""

    annotation: Annotation
    visibility: Visibility
    track: Detection | None
    track_ious: dict[int, float]
    frame_ious: dict[int, float]

    def frames(self, occluded: bool) -> tuple[int, ...]:
        """Those of occlusion, none where they are too few; or all in which the object is visible."""
        if not occluded:
            return self.visibility.visible
        found = self.visibility.occluded
        return found if len(found) >= FEWEST_FRAMES else ()

    def means(self, occluded: bool) -> tuple[float, float]:
        """Mean IoU of the track and of the frame detector over these frames; NaN over none."""
        of_track = [self.track_ious[t] for t in self.frames(occluded)]
        of_frames = [self.frame_ious[t] for t in self.frames(occluded)]
        return (float(np.mean(of_track)), float(np.mean(of_frames))) if of_track else (np.nan, np.nan)

    def gain(self, occluded: bool) -> float:
        """The first mean less the second."""
        of_track, of_frames = self.means(occluded)
        return of_track - of_frames


@dataclass(frozen=True)
class Choice:
    """The object of the largest gain of all candidates. occluded: over frames of occlusion."""

    chosen: ObjectGain
    candidates: tuple[ObjectGain, ...]
    occluded: bool


def object_gains(truth: GroundTruth, tracks: Sequence[Detection], found: FramePredictions) -> list[ObjectGain]:
    """Every object that is visible at all and no crowd, by video and id.

    Raises UserError naming the track and frame of a malformed mask.
    """
    gains: list[ObjectGain] = []
    for groups in group_tracks(truth, tracks):
        if groups:
            gains += _gains_of_video(groups, truth.videos[groups[0].video_id], found)
    return sorted(gains, key=lambda gain: (gain.annotation.video_id, gain.annotation.id))


def choose(gains: Sequence[ObjectGain]) -> Choice | None:
    """The largest gain under occlusion, of equal ones that of the lowest video and object.

    Where no object is occluded in enough frames, the largest gain over all frames; None without any object.
    """
    occluded = any(gain.frames(occluded=True) for gain in gains)
    candidates = tuple(gain for gain in gains if gain.frames(occluded))
    if not candidates:
        return None
    return Choice(max(candidates, key=lambda gain: gain.gain(occluded)), candidates, occluded)


def mean_gain(gains: Sequence[ObjectGain], occluded: bool, draws: int = DRAWS, seed: int = 0) -> Difference:
    """The mean over these objects with its interval, fractions: their videos are drawn anew. Not of none."""
    by_video = grouped(gains, lambda gain: gain.annotation.video_id)
    sums = np.array([sum(gain.gain(occluded) for gain in found) for found in by_video.values()])
    counts = np.array([len(found) for found in by_video.values()])
    weights = draw_weights(len(by_video), draws, np.random.default_rng(seed))
    return difference_of_draws(float(sums.sum() / counts.sum()), (weights @ sums) / (weights @ counts))


def _gains_of_video(groups: Sequence[Group], size: VideoSize, found: FramePredictions) -> list[ObjectGain]:
    ious = decode_video(groups, size).ious()  # which checks all codes of the video
    objects = [one for group in groups for one in group.annotations]
    visibilities = dict(zip([one.id for one in objects], visibility_of(objects, size), strict=True))
    gains = []
    for group, matrix in zip(groups, ious, strict=True):
        for number, one in enumerate(group.annotations):
            visibility = visibilities[one.id]
            if visibility.visible and not one.is_crowd:
                gains.append(_gain(one, visibility, _best(group, matrix[:, number]), size, found))
    return gains


def _best(group: Group, ious: np.ndarray) -> Detection | None:
    """ious: (D,). Of equal tracks the one of the highest score."""
    return group.detections[int(ious.argmax())] if ious.size and ious.max() > 0 else None


def _gain(
    one: Annotation, visibility: Visibility, track: Detection | None, size: VideoSize, found: FramePredictions
) -> ObjectGain:
    of_track, of_frames = {}, {}
    for t in visibility.visible:
        target = code_at(one.track.masks, t, size)
        mask = code_at(track.track.masks, t, size) if track else None
        of_track[t] = _best_iou([mask] if mask else [], target)
        predictions = found.get((one.video_id, t), ())
        of_frames[t] = _best_iou([other.mask for other in predictions if other.category_id == one.category_id], target)
    return ObjectGain(one, visibility, track, of_track, of_frames)


def _best_iou(masks: Sequence[Rle], target: Rle | None) -> float:
    """Mask IoU in one frame; 0 without a mask."""
    return float(coco_mask.iou(list(masks), [target], [0]).max()) if masks else 0.0
