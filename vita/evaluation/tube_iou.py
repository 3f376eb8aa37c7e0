"""Intersection over union of tracks: intersections summed over frames, divided by unions summed over frames.

Legend: N tracks of one video, S masks of all of them, D and G tracks of the two sides, P pairs, F frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vita.core.contract import UserError
from vita.data.masks.encoded_masks import CodedMasks
from vita.data.masks.rle_kernels import NO_FAULT, decode_codes, intersect_frames, intersect_pairs
from vita.evaluation.counts import Flags, Floats, Int64s
from vita.evaluation.readers.mask_tracks import MaskTrack


class Tubes:
    """The decoded tracks of one video.

    mean_areas: (N,) in pixels, over the frames where the track is visible; 0 for a track that never is.
    """

    def __init__(self, tracks: Sequence[MaskTrack], height: int, width: int, compared: Flags | None = None) -> None:
        """Decode all tracks at once. Raises UserError naming the track and frame of a malformed code.

        compared: (N,) the tracks that `ious` will be asked for, the others take less memory; None for all.
        """
        coded = [_coded(track.masks) for track in tracks]
        lengths = np.array([len(masks) for masks in coded], np.int64)
        self._mask_bounds = _bounds(lengths)
        text = np.concatenate([masks.text for masks in coded]) if coded else np.empty(0, np.uint8)
        text_ends = _joined_ends(coded, lengths)
        kept = np.ones(len(text_ends), bool) if compared is None else np.repeat(compared, lengths)
        self._edges, edge_ends, areas, fault = decode_codes(text, text_ends, kept, height * width)
        if fault != NO_FAULT:
            track = int(np.searchsorted(self._mask_bounds, fault, side="right")) - 1
            raise UserError(
                f"{tracks[track].source}, frame {fault - self._mask_bounds[track]} (counted from 0): malformed "
                f"run-length code; its run lengths must add up to {height} x {width} pixels; export this mask again"
            )
        self._edge_bounds = np.concatenate([[0], edge_ends])
        self._has_mask = np.diff(text_ends, prepend=0) > 0
        self._areas_until = _bounds(areas)
        visible = np.diff(_bounds(areas > 0)[self._mask_bounds])
        self.mean_areas = np.diff(self._areas_until[self._mask_bounds]) / np.maximum(visible, 1)

    def ious(self, left: Int64s, right: Int64s) -> Floats:
        """(D, G) tube IoU of the tracks numbered `left` (D,) with those numbered `right` (G,)."""
        return self.pair_ious(np.repeat(left, len(right)), np.tile(right, len(left))).reshape(len(left), len(right))

    def pair_ious(self, left: Int64s, right: Int64s) -> Floats:
        """(P,) tube IoU of track left[p] with track right[p].

        Of two tracks of different lengths, the frames that only one of them lists do not count (the rule of the
        official evaluator); two tracks without a pixel have IoU 0.
        """
        shared = intersect_pairs(self._edges, self._edge_bounds, self._mask_bounds, left, right)
        frames = np.diff(self._mask_bounds)
        common = np.minimum(frames[left], frames[right])
        union = self._areas_of_first(left, common) + self._areas_of_first(right, common) - shared
        return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)

    def frame_ious(self, left: Int64s, right: Int64s, frames: int) -> Floats:
        """(P, F) IoU of track left[p] with track right[p] in each of the first `frames` frames; 0 if one is absent."""
        shared = intersect_frames(self._edges, self._edge_bounds, self._mask_bounds, left, right, frames)
        areas = self._by_frame(np.diff(self._areas_until), frames)
        union = areas[left] + areas[right] - shared
        return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)

    def has_mask(self, frames: int) -> Flags:
        """(N, F) whether a track has a mask, be it without a pixel, in each of the first `frames` frames."""
        return self._by_frame(self._has_mask, frames)

    def _by_frame(self, values: NDArray, frames: int) -> NDArray:
        """(N, F) of values (S,) of all masks; 0 in frames that a track does not list."""
        first, listed = self._mask_bounds[:-1, None], np.diff(self._mask_bounds)[:, None]
        frame = np.arange(frames)
        there = frame < listed
        return np.where(there, np.append(values, 0)[np.where(there, first + frame, -1)], 0).astype(values.dtype)

    def _areas_of_first(self, tracks: Int64s, frames: Int64s) -> Int64s:
        first = self._mask_bounds[tracks]
        return self._areas_until[first + frames] - self._areas_until[first]


def _coded(masks: Sequence[str]) -> CodedMasks:
    return masks if isinstance(masks, CodedMasks) else CodedMasks.join(masks)


def _joined_ends(coded: Sequence[CodedMasks], lengths: Int64s) -> Int64s:
    """(S,) where each code ends when the texts of all tracks follow each other."""
    if not coded:
        return np.empty(0, np.int64)
    before = _bounds(np.array([masks.text.size for masks in coded]))[:-1]
    return np.concatenate([masks.ends for masks in coded]) + np.repeat(before, lengths)


def _bounds(sizes: NDArray) -> Int64s:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
