"""Intersection over union of tracks: intersections summed over frames, divided by unions summed over frames.

Legend: N tracks of one video, S masks of all of them, D and G tracks of the two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from vita.contract import UserError
from vita.evaluation.mask_tracks import MaskTrack
from vita.evaluation.runs import decode_codes, intersect_all_pairs

Int64s = NDArray[np.int64]


class Tubes:
    """The decoded tracks of one video, each one long mask over all its frames.

    mean_areas: (N,) in pixels, over the frames where the track is visible; 0 for a track that never is.
    """

    def __init__(self, tracks: Sequence[MaskTrack], height: int, width: int) -> None:
        """Decode all tracks at once. Raises UserError naming the track and frame of a malformed code."""
        lengths = np.array([len(track.masks) for track in tracks], np.int64)
        codes = list(chain.from_iterable(track.masks for track in tracks))
        self._mask_bounds = _bounds(lengths)
        frames = np.arange(len(codes)) - np.repeat(self._mask_bounds[:-1], lengths)
        text = np.frombuffer("".join(codes).encode("ascii"), np.uint8)
        text_ends = np.cumsum(np.fromiter(map(len, codes), np.int64, len(codes)))
        decoded = decode_codes(text, text_ends, frames * (height * width), height * width)
        self._starts, self._stops, run_ends, areas, fault = decoded
        if fault >= 0:
            track = tracks[np.searchsorted(self._mask_bounds, fault, side="right") - 1]
            raise UserError(
                f"{track.source}, frame {frames[fault]} (counted from 0): malformed run-length code; its run lengths "
                f"must add up to {height} x {width} pixels; export this mask again"
            )
        self._run_bounds = np.concatenate([[0], run_ends])[self._mask_bounds]
        self._areas_until = _bounds(areas)
        visible = np.diff(_bounds(areas > 0)[self._mask_bounds])
        self.mean_areas = np.diff(self._areas_until[self._mask_bounds]) / np.maximum(visible, 1)

    def ious(self, left: Int64s, right: Int64s) -> NDArray[np.float64]:
        """(D, G) tube IoU of the tracks numbered `left` (D,) with those numbered `right` (G,).

        Of two tracks of different lengths, the frames that only one of them lists do not count (the rule of the
        official evaluator); two tracks without a pixel have IoU 0.
        """
        shared = intersect_all_pairs(self._starts, self._stops, self._run_bounds, left, right)
        frames = np.diff(self._mask_bounds)
        common = np.minimum(frames[left][:, None], frames[right][None, :])
        union = self._areas_of_first(left[:, None], common) + self._areas_of_first(right[None, :], common) - shared
        return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)

    def _areas_of_first(self, tracks: Int64s, frames: Int64s) -> Int64s:
        first = self._mask_bounds[tracks]
        return self._areas_until[first + frames] - self._areas_until[first]


def _bounds(sizes: NDArray) -> Int64s:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
