"""HOTA of one (video, category): one-to-one matches in every frame, and how long each match holds over time.

As its authors define it (Luiten et al., HOTA: A Higher Order Metric for Evaluating Multi-object Tracking, 2020), and
their evaluator TrackEval computes it: a pair of tracks that overlap over the whole video is preferred in each frame.

Legend: L localisation thresholds, F frames, G objects, D predicted tracks, Q quantities that are summed.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from vita.evaluation.assignment import best_assignment
from vita.evaluation.counts import Floats, Int64s
from vita.evaluation.video_groups import FrameOverlaps

LOCALISATION_THRESHOLDS = np.arange(0.05, 0.99, 0.05)
_ROUNDING = np.finfo(np.float64).eps


class Quantity(IntEnum):
    """What is summed over masks; all scores of any set of videos and categories are quotients of these.

    Association, its recall and its precision, and the IoU are summed over the matched masks.
    """

    MATCHED = 0
    MISSED = 1
    SPURIOUS = 2
    ASSOCIATION = 3
    ASSOCIATION_RECALL = 4
    ASSOCIATION_PRECISION = 5
    IOU = 6


def sums(frames: FrameOverlaps) -> Floats:
    """(Q, L), in the order of `Quantity`."""
    object_frames, track_frames = frames.visible.sum(axis=0), frames.predicted.sum(axis=0)
    pairs, ious = _matches(frames, object_frames, track_frames)
    found = np.zeros((len(Quantity), len(LOCALISATION_THRESHOLDS)))
    for number, threshold in enumerate(LOCALISATION_THRESHOLDS):
        counted = ious >= threshold - _ROUNDING
        objects, tracks, times = _counted_pairs(pairs[counted], len(track_frames))
        of_object, of_track = object_frames[objects], track_frames[tracks]
        found[:, number] = (
            times.sum(),
            object_frames.sum() - times.sum(),
            track_frames.sum() - times.sum(),
            (times * times / (of_object + of_track - times)).sum(),
            (times * times / of_object).sum(),
            (times * times / of_track).sum(),
            ious[counted].sum(),
        )
    return found


def _matches(frames: FrameOverlaps, object_frames: Int64s, track_frames: Int64s) -> tuple[Int64s, Floats]:
    """Of the matches of all frames: object and track as one number (object times D, plus track), and IoU."""
    alignment = _alignment(frames.ious, object_frames, track_frames)
    pairs, ious = [np.zeros(0, np.int64)], [np.zeros(0)]
    for overlaps, visible, predicted in zip(frames.ious, frames.visible, frames.predicted, strict=True):
        objects, tracks = np.flatnonzero(visible), np.flatnonzero(predicted)
        here = np.ix_(objects, tracks)
        chosen = best_assignment(alignment[here] * overlaps[here])
        pairs.append(objects[chosen[0]] * len(track_frames) + tracks[chosen[1]])
        ious.append(overlaps[here][chosen])
    return np.concatenate(pairs), np.concatenate(ious)


def _alignment(ious: Floats, object_frames: Int64s, track_frames: Int64s) -> Floats:
    """(G, D) a Jaccard index over time: how much two tracks overlap, each mask shared out among all that it meets."""
    met = ious.sum(axis=1, keepdims=True) + ious.sum(axis=2, keepdims=True) - ious
    common = np.divide(ious, met, out=np.zeros_like(ious), where=met > _ROUNDING).sum(axis=0)
    either = object_frames[:, None] + track_frames - common
    return np.divide(common, either, out=np.zeros_like(common), where=either > 0)


def _counted_pairs(pairs: Int64s, tracks: int) -> tuple[Int64s, Int64s, Int64s]:
    """Object, track and number of frames of each pair that is matched at all."""
    found, times = np.unique(pairs, return_counts=True)
    return found // max(tracks, 1), found % max(tracks, 1), times
