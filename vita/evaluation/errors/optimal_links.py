"""What linking alone could win at best: the masks of every frame, each linked with an object by an optimal assignment.

The association oracle changes as little as it can: an object's track keeps the masks that lie on the object. Here every
frame's masks are dealt out anew, one to an object, so that the sum of IoUs over all objects and frames is the largest
that there is. No mask is made, mended or removed: what a track is given in the place of its own, it gives in return.

Legend: P predicted tracks, G objects, F frames.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vita.evaluation.assignment import best_assignment
from vita.evaluation.counts import Floats, Int64s
from vita.evaluation.errors.association_oracle import from_givers, pieced_together, unrelated
from vita.evaluation.errors.scene import EMPTY, NOTHING, RELATED, ErrorScene, PredictedTrack
from vita.evaluation.readers.mask_tracks import MaskTrack
from vita.evaluation.tube_iou import Tubes

_OWN = 1e-6  # of IoU: between equal masks, the track's own stays


def link_optimally(scene: ErrorScene, best_score: float) -> ErrorScene:
    """Every object's track has the masks that the assignment gives to the object.

    A mask that overlaps an object with an IoU under 0.1 is no mask of it. Objects without a track get one of the masks
    given to them, if these are related to the object as a whole. A track that gives all its masks away is gone.
    """
    if not scene.objects or not scene.tracks:
        return scene
    givers = optimal_links(scene)
    sources = _sources(scene, givers)
    tracks = [_gathered(scene, track, row) for track, row in zip(scene.tracks, sources, strict=True)]
    kept = [new for new, old in zip(tracks, scene.tracks, strict=True) if new.present.any() or not old.present.any()]
    owned = {track.owner for track in scene.tracks}
    pieced = [number for number in np.flatnonzero((givers != NOTHING).any(axis=1)).tolist() if number not in owned]
    return replace(scene, tracks=kept + [pieced_together(scene, number, givers[number]) for number in pieced])


def optimal_links(scene: ErrorScene) -> Int64s:
    """(G, F) number of the track whose mask each object gets in each frame, or NOTHING.

    Objects without a track to which what they would get is unrelated as a whole get nothing, and the masks are dealt
    out among the others.
    """
    own = np.array([track.owner for track in scene.tracks])[:, None] == np.arange(len(scene.objects))
    ious = frame_ious(scene)
    worth = np.where(ious >= RELATED, ious + _OWN * own, 0.0)
    while True:
        givers = _assigned(worth)
        left_out = [number for number in unrelated(scene, givers) if (givers[number] != NOTHING).any()]
        if not left_out:
            return givers
        worth[:, :, left_out] = 0.0


def _assigned(worth: Floats) -> Int64s:
    """(G, F) of the worth (F, P, G) of every link."""
    givers = np.full((worth.shape[2], worth.shape[0]), NOTHING, np.int64)
    for frame, links in enumerate(worth):
        tracks, objects = best_assignment(links)
        linked = links[tracks, objects] > 0
        givers[objects[linked], frame] = tracks[linked]
    return givers


def frame_ious(scene: ErrorScene) -> Floats:
    """(F, P, G) of the masks of tracks and objects, 0 where one is absent."""
    masks = [*(track.masks for track in scene.tracks), *scene.object_masks]
    tubes = Tubes([MaskTrack(one, "") for one in masks], scene.size.height, scene.size.width)
    tracks, objects = len(scene.tracks), len(scene.objects)
    left, right = np.indices((tracks, objects)).reshape(2, -1)
    ious = tubes.frame_ious(left, tracks + right, scene.size.length)
    return ious.T.reshape(scene.size.length, tracks, objects)


def _sources(scene: ErrorScene, givers: Int64s) -> Int64s:
    """(P, F) number of the track whose mask each track has in each frame once they are dealt out, or NOTHING."""
    owner = {track.owner: number for number, track in enumerate(scene.tracks) if track.owner != NOTHING}
    present = np.stack([track.present for track in scene.tracks])
    sources = np.where(present, np.arange(len(scene.tracks))[:, None], NOTHING)
    for frame in range(scene.size.length):
        given = {number: int(giver) for number, giver in enumerate(givers[:, frame]) if giver != NOTHING}
        received = {owner[number]: giver for number, giver in given.items() if number in owner}
        taken = set(given.values())
        left_over = [track for track in received if present[track, frame] and track not in taken]
        emptied = sorted(taken - set(received))
        sources[emptied, frame] = NOTHING
        sources[list(received), frame] = list(received.values())
        # There are as many emptied tracks as left-over masks, or more: those of objects that had no mask here.
        for mask, track in zip(left_over, emptied, strict=False):
            sources[track, frame] = mask
    return sources


def _gathered(scene: ErrorScene, track: PredictedTrack, sources: Int64s) -> PredictedTrack:
    length = scene.size.length
    nothing = np.full(length, NOTHING, np.int64)
    blank = replace(track, masks=[EMPTY] * length, shows=nothing, overlaps=np.zeros(length))
    return from_givers(scene, blank, sources)
