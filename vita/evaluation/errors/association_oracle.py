"""The association oracle: predicted masks are linked over time anew, each with the object that it lies on.

Legend: P predicted tracks, G objects, F frames.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vita.evaluation.counts import Flags, Int64s
from vita.evaluation.errors.scene import EMPTY, NOTHING, RELATED, ErrorScene, PredictedTrack


def links(scene: ErrorScene) -> Int64s:
    """(G, F) number of the track whose mask shows each object in each frame, or NOTHING.

    It is the object's own track where that one shows it, else the track whose mask overlaps it most. An object
    without a track of its own is linked only if the masks found are related to it as a whole.
    """
    givers = np.full((len(scene.objects), scene.size.length), NOTHING, np.int64)
    best = np.zeros(givers.shape)
    for number, track in enumerate(scene.tracks):
        frames = np.flatnonzero(track.shows != NOTHING)
        objects = track.shows[frames]
        # An own mask is worth more than any other, whose IoU is 1 at most.
        worth = track.overlaps[frames] + 2.0 * (objects == track.owner)
        better = worth > best[objects, frames]
        givers[objects[better], frames[better]] = number
        best[objects[better], frames[better]] = worth[better]
    givers[unrelated(scene, givers)] = NOTHING
    return givers


def unrelated(scene: ErrorScene, givers: Int64s) -> list[int]:
    """The objects without a track to which the masks that `givers` (G, F) links with them are unrelated as a whole."""
    without_track = sorted(set(range(len(scene.objects))) - {track.owner for track in scene.tracks})
    ious = scene.tube_ious([_gathered(scene, givers[number]) for number in without_track])
    return [number for number, row in zip(without_track, ious, strict=True) if row[number] < RELATED]


def mend_association(scene: ErrorScene, best_score: float) -> ErrorScene:
    """Every mask goes to the track of the object that it lies on.

    An object's track keeps its masks on the object. Where it has none, it takes the mask of another track that
    overlaps the object most; its masks on other objects are taken out. An object that only pieces of other tracks
    show gets a track of these pieces. A track that gives all its masks away is gone.
    """
    if not scene.objects:
        return scene
    givers = links(scene)
    tracks = [_relinked(scene, number, givers) for number in range(len(scene.tracks))]
    kept = [new for new, old in zip(tracks, scene.tracks, strict=True) if new.present.any() or not old.present.any()]
    owned = {track.owner for track in scene.tracks}
    pieced = [number for number in np.flatnonzero((givers != NOTHING).any(axis=1)).tolist() if number not in owned]
    return replace(scene, tracks=kept + [pieced_together(scene, number, givers[number]) for number in pieced])


def _relinked(scene: ErrorScene, number: int, givers: Int64s) -> PredictedTrack:
    """Track `number` with what it takes, and without what it gives or what lies on an object that is not its own."""
    track = scene.tracks[number]
    every = np.arange(scene.size.length)
    on_other = (track.shows != NOTHING) & (track.shows != track.owner)
    if track.owner == NOTHING:
        return _emptied(track, on_other & (givers[track.shows, every] == number))
    taken = from_givers(scene, track, givers[track.owner])
    return _emptied(taken, on_other & (givers[track.owner] == NOTHING))


def _emptied(track: PredictedTrack, frames: Flags) -> PredictedTrack:
    return track.with_masks(frames, [EMPTY] * len(track.masks), NOTHING)


def from_givers(scene: ErrorScene, track: PredictedTrack, givers: Int64s) -> PredictedTrack:
    """The track with the givers' masks (F,), where there are any."""
    masks, shows, overlaps = list(track.masks), track.shows.copy(), track.overlaps.copy()
    for frame in np.flatnonzero(givers != NOTHING):
        giver = scene.tracks[givers[frame]]
        masks[frame], shows[frame], overlaps[frame] = giver.masks[frame], giver.shows[frame], giver.overlaps[frame]
    return replace(track, masks=masks, shows=shows, overlaps=overlaps)


def _gathered(scene: ErrorScene, givers: Int64s) -> list[str]:
    pairs = enumerate(givers.tolist())
    return [EMPTY if giver == NOTHING else scene.tracks[giver].masks[frame] for frame, giver in pairs]


def pieced_together(scene: ErrorScene, number: int, givers: Int64s) -> PredictedTrack:
    """A track of object `number`; category and score are those of the giver of most frames.

    Givers of the object's category come first, so that a wrong category is not mistaken for a wrong link.
    """
    category = scene.objects[number].category_id
    numbers, frames = np.unique(givers[givers != NOTHING], return_counts=True)
    candidates = [(scene.tracks[giver], count) for giver, count in zip(numbers.tolist(), frames, strict=True)]
    first, _ = max(candidates, key=lambda found: (found[0].category_id == category, found[1], found[0].score))
    length = scene.size.length
    nothing = np.full(length, NOTHING, np.int64)
    blank = PredictedTrack(first.category_id, first.score, [EMPTY] * length, nothing, np.zeros(length), number)
    return from_givers(scene, blank, givers)
