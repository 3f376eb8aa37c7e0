"""One video as the error analysis sees it: which predicted track is which object's, and what each of its masks shows.

Two thresholds: a track or mask that overlaps an object with IoU 0.5 would be right at the evaluator's easiest, and one
that stays under 0.1 has nothing to do with it. Crowds are no objects here.

Legend: P predicted tracks, G objects, F frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from pycocotools import mask as coco_mask

from vita.data.masks import rle
from vita.evaluation.counts import Flags, Floats, Int64s
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import Annotation, GroundTruth, VideoSize
from vita.evaluation.readers.mask_tracks import MaskTrack
from vita.evaluation.tube_iou import Tubes

RIGHT, RELATED = 0.5, 0.1  # IoU
NOTHING = -1  # in the place of an object's number
EMPTY = ""


@dataclass(frozen=True)
class PredictedTrack:
    """masks: codes, one a frame, "" without a mask.  shows: (F,) object that each mask lies on, or NOTHING.

    overlaps: (F,) IoU with that object, 0 with none.  owner: the object that this track is the prediction of, or
    NOTHING.
    """

    category_id: int
    score: float
    masks: list[str]
    shows: Int64s
    overlaps: Floats
    owner: int

    @property
    def present(self) -> Flags:
        """(F,) frames with a mask."""
        return has_mask(self.masks)

    def with_masks(self, frames: Flags, masks: Sequence[str], shows: int) -> PredictedTrack:
        """In these frames (F,), the masks of another list: exactly those of object `shows`, or empty with NOTHING."""
        return replace(
            self,
            masks=[new if there else old for old, new, there in zip(self.masks, masks, frames, strict=True)],
            shows=np.where(frames, shows, self.shows),
            overlaps=np.where(frames, float(shows != NOTHING), self.overlaps),
        )


@dataclass(frozen=True)
class ErrorScene:
    """The objects of a video, their masks (G lists of F codes, "" where not visible), and the predicted tracks."""

    video_id: int
    size: VideoSize
    objects: list[Annotation]
    object_masks: list[list[str]]
    tracks: list[PredictedTrack]

    def tube_ious(self, tracks: Sequence[Sequence[str]]) -> Floats:
        """(P, G) of P lists of codes with all objects."""
        if not tracks or not self.objects:
            return np.zeros((len(tracks), len(self.objects)))
        both = [MaskTrack(list(masks), "") for masks in (*tracks, *self.object_masks)]
        tubes = Tubes(both, self.size.height, self.size.width)
        return tubes.ious(np.arange(len(tracks)), np.arange(len(tracks), len(both)))

    @property
    def categories(self) -> Int64s:
        """(G,) category of each object."""
        return np.array([annotation.category_id for annotation in self.objects], np.int64)

    def detections(self) -> list[Detection]:
        """The tracks as the evaluator takes them."""
        source = f"video {self.video_id}"
        return [Detection(self.video_id, t.category_id, t.score, MaskTrack(t.masks, source)) for t in self.tracks]


def build_scene(
    video_id: int, ground_truth: GroundTruth, annotations: Sequence[Annotation], detections: Sequence[Detection]
) -> ErrorScene:
    """The scene of one video, given its annotations and detections.

    A prediction that lists too few frames has no mask in the others; what it lists too many is cut off.
    """
    size = ground_truth.videos[video_id]
    objects = [annotation for annotation in annotations if not annotation.is_crowd]
    object_masks = [_masks(annotation.track, size) for annotation in objects]
    masks = [_masks(detection.track, size) for detection in detections]
    shows, overlaps = _frame_overlaps(masks, object_masks, size)
    scene = ErrorScene(video_id, size, objects, object_masks, [])
    same = np.array([detection.category_id for detection in detections], np.int64)[:, None] == scene.categories
    owners = pair(scene.tube_ious(masks), same, np.array([detection.score for detection in detections]))
    tracks = [
        PredictedTrack(detection.category_id, detection.score, *of_one)
        for detection, *of_one in zip(detections, masks, shows, overlaps, owners.tolist(), strict=True)
    ]
    return replace(scene, tracks=tracks)


def pair(ious: Floats, same: Flags, scores: Floats) -> Int64s:
    """(P,) the object that each track is the prediction of, or NOTHING; no object has two.

    ious: (P, G) of tubes.  same: (P, G) of one category. In four rounds, of tracks that are right in place and
    category, then in place alone, then related in place and of the category, then related alone; within a round by
    descending score, each track taking the free object that it overlaps most.
    """
    owners = np.full(len(ious), NOTHING, np.int64)
    free = np.ones(ious.shape[1], bool)
    by_score = np.argsort(-scores, kind="stable")
    for least, of_category in ((RIGHT, True), (RIGHT, False), (RELATED, True), (RELATED, False)):
        eligible = (ious >= least) & (same == of_category)
        for track in by_score[owners[by_score] == NOTHING]:
            chosen = eligible[track] & free
            if chosen.any():
                owners[track] = np.argmax(np.where(chosen, ious[track], -1.0))
                free[owners[track]] = False
    return owners


def has_mask(masks: Sequence[str]) -> Flags:
    """(F,) frames with a mask."""
    return np.array([mask != EMPTY for mask in masks], bool)


def _masks(track: MaskTrack, size: VideoSize) -> list[str]:
    """One code a frame of the video, "" also for a mask without a pixel."""
    found = list(track.masks[: size.length])
    present = [frame for frame, mask in enumerate(found) if mask]
    areas = rle.areas([size.coded(found[frame]) for frame in present])
    for frame, area in zip(present, areas, strict=True):
        found[frame] = found[frame] if area else EMPTY
    return found + [EMPTY] * (size.length - len(found))


def _frame_overlaps(masks: list[list[str]], object_masks: list[list[str]], size: VideoSize) -> tuple[Int64s, Floats]:
    """(P, F) the object that each mask overlaps most, if it is related to it, and that IoU."""
    shows = np.full((len(masks), size.length), NOTHING, np.int64)
    best = np.zeros(shows.shape)
    for frame in range(size.length):
        predicted = [number for number, track in enumerate(masks) if track[frame]]
        visible = [number for number, track in enumerate(object_masks) if track[frame]]
        if not predicted or not visible:
            continue
        sides = (masks, predicted), (object_masks, visible)
        left, right = ([size.coded(side[n][frame]) for n in there] for side, there in sides)
        ious = coco_mask.iou(left, right, [0] * len(visible))
        most = ious.max(axis=1)
        best[predicted, frame] = np.where(most >= RELATED, most, 0.0)
        shows[predicted, frame] = np.where(most >= RELATED, np.array(visible)[ious.argmax(axis=1)], NOTHING)
    return shows, best
