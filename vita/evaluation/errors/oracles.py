"""Oracles: each takes one kind of error out of a video's predictions and leaves the other kinds as they are.

Which kind a fault is of follows from what the masks show (`vita.evaluation.errors.scene`):

- association: a mask lies on another object than its track's, or a track lacks a mask of its object where another
  track has one;
- classification: the track of an object has another category;
- mask: a mask lies on its track's object with a wrong outline, or on nothing although that object is visible;
- missed: an object is visible, and no mask lies on it;
- spurious: a track is no object's, or a mask lies on nothing where its track's object is not visible.

With all of them applied, the predictions are the ground truth.

Legend: P predicted tracks, G objects, F frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vita.evaluation.errors.association_oracle import links, mend_association
from vita.evaluation.errors.scene import EMPTY, NOTHING, RIGHT, ErrorScene, PredictedTrack, has_mask

# Takes a scene and the best score of all predictions.
Oracle = Callable[[ErrorScene, float], ErrorScene]


def mend_classification(scene: ErrorScene, best_score: float) -> ErrorScene:
    """The track of every object takes the object's category.

    Other tracks right in place (IoU 0.5) but of a wrong category are further opinions about the same object: they
    go, and its track takes the highest of their scores, if that is over its own.
    """
    place = _place(scene)
    opinions: dict[int, float] = {}
    for track, at in zip(scene.tracks, place, strict=True):
        if at != NOTHING and track.category_id != scene.categories[at]:
            opinions[at] = max(track.score, opinions.get(at, track.score))
    tracks = []
    for track, at in zip(scene.tracks, place, strict=True):
        if track.owner != NOTHING:
            score = max(track.score, opinions.get(track.owner, track.score))
            tracks.append(replace(track, category_id=int(scene.categories[track.owner]), score=score))
        elif at == NOTHING or track.category_id == scene.categories[at]:
            tracks.append(track)
    return replace(scene, tracks=tracks)


def mend_masks(scene: ErrorScene, best_score: float) -> ErrorScene:
    """Every mask in an object's track becomes the true one, unless it lies on another object.

    Frames where the track has no mask, or the object is not visible, stay as they are.
    """
    return _with_true_masks(scene, lambda track, visible: track.present & visible & ~_on_other(track))


def add_missed(scene: ErrorScene, best_score: float) -> ErrorScene:
    """Objects without a track are added, with the best score of all; tracks of objects get the frames they lack.

    What masks of other tracks show is not missed but linked wrongly, and is left to the association.
    """
    givers = links(scene)
    tracked = {track.owner for track in scene.tracks} | set(np.flatnonzero((givers != NOTHING).any(axis=1)).tolist())
    completed = _with_true_masks(
        scene, lambda track, visible: ~track.present & visible & (givers[track.owner] == NOTHING)
    )
    added = [_true_track(scene, number, best_score) for number in range(len(scene.objects)) if number not in tracked]
    return replace(completed, tracks=completed.tracks + added)


def remove_spurious(scene: ErrorScene, best_score: float) -> ErrorScene:
    """Tracks of no object go, and so do masks on nothing where their track's object is not visible.

    A further track of an object stays where it overlaps it more than the object's own, when that one has lost its
    masks on nothing: at high thresholds it counts.
    """
    tracks = [track if track.owner == NOTHING else _without_ghosts(scene, track) for track in scene.tracks]
    ious = scene.tube_ious([track.masks for track in tracks])
    own = np.zeros(len(scene.objects))
    for track, row in zip(tracks, ious, strict=True):
        if track.owner != NOTHING and track.category_id == scene.categories[track.owner]:
            own[track.owner] = row[track.owner]

    def stays(track: PredictedTrack, row: np.ndarray) -> bool:
        better = (row >= RIGHT) & (row > own) & (scene.categories == track.category_id)
        return track.owner != NOTHING or bool(better.any())

    kept = [track for track, row in zip(tracks, ious, strict=True) if stays(track, row)]
    return replace(scene, tracks=kept)


def _without_ghosts(scene: ErrorScene, track: PredictedTrack) -> PredictedTrack:
    ghosts = (track.shows == NOTHING) & ~has_mask(scene.object_masks[track.owner])
    return track.with_masks(ghosts, [EMPTY] * len(ghosts), NOTHING)


# In the order in which they are applied one after the other.
ORACLES: dict[str, Oracle] = {
    "association": mend_association,
    "classification": mend_classification,
    "mask": mend_masks,
    "missed": add_missed,
    "spurious": remove_spurious,
}


def _place(scene: ErrorScene) -> list[int]:
    """(P,) the object that each track overlaps most, if right in place."""
    ious = scene.tube_ious([track.masks for track in scene.tracks])
    if not scene.objects:
        return [NOTHING] * len(scene.tracks)
    return np.where(ious.max(axis=1) >= RIGHT, ious.argmax(axis=1), NOTHING).tolist()


def _on_other(track: PredictedTrack) -> np.ndarray:
    return (track.shows != NOTHING) & (track.shows != track.owner)


def _with_true_masks(scene: ErrorScene, where: Callable[[PredictedTrack, np.ndarray], np.ndarray]) -> ErrorScene:
    """Tracks of objects with the true masks in the frames `where`(track, (F,) object is visible)."""

    def mended(track: PredictedTrack) -> PredictedTrack:
        truth = scene.object_masks[track.owner]
        return track.with_masks(where(track, has_mask(truth)), truth, track.owner)

    return replace(scene, tracks=[track if track.owner == NOTHING else mended(track) for track in scene.tracks])


def _true_track(scene: ErrorScene, number: int, score: float) -> PredictedTrack:
    masks = scene.object_masks[number]
    visible = has_mask(masks)
    category, shows = scene.objects[number].category_id, np.where(visible, number, NOTHING)
    return PredictedTrack(category, score, list(masks), shows, visible.astype(np.float64), number)
