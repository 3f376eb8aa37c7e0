"""Compiled kernels on run-length codes: decode many, intersect many.

A mask is a sorted list of runs [start, stop) of foreground pixels, in column-major order of the frame. The masks of
a track, each shifted by the frames before it, form one long mask; positions are 64-bit, so a track may be as long
as it likes.

Legend: S masks, R runs of all masks, N tracks, D and G tracks of the two sides.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

_NO_FAULT = -1
_MAX_BITS = 55  # of a number in a code, 5 a character; more is garbage
_MALFORMED = -1


@numba.njit(cache=True)
def decode_codes(
    text: NDArray[np.uint8], text_ends: NDArray[np.int64], offsets: NDArray[np.int64], pixels: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], int]:
    """Decode S compressed COCO codes, written one after the other in `text`, into runs.

    text_ends: (S,), where each code ends in `text`; an empty code is an empty mask. offsets: (S,), added to the
    positions of each mask. pixels: of a frame. Returns starts (R,), stops (R,), run_ends (S,) (where each mask ends
    in these), areas (S,) in pixels, and the number of the first malformed code, or -1.
    """
    starts = np.empty(text.size // 2 + 1, np.int64)
    stops = np.empty(text.size // 2 + 1, np.int64)
    run_ends = np.zeros(text_ends.size, np.int64)
    areas = np.zeros(text_ends.size, np.int64)
    runs, begin = 0, 0
    for mask in range(text_ends.size):
        first, end = runs, text_ends[mask]
        if end > begin:
            runs = _decode_one(text, begin, end, offsets[mask], pixels, starts, stops, runs)
            if runs == _MALFORMED:
                return starts, stops, run_ends, areas, mask
        for run in range(first, runs):
            areas[mask] += stops[run] - starts[run]
        run_ends[mask], begin = runs, end
    return starts[:runs].copy(), stops[:runs].copy(), run_ends, areas, _NO_FAULT


@numba.njit(cache=True)
def _decode_one(
    text: NDArray[np.uint8],
    at: int,
    end: int,
    position: int,
    pixels: int,
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    runs: int,
) -> int:
    """Append the runs of text[at:end] to `starts` and `stops`; their new number, or -1 for a malformed code."""
    frame_end = position + pixels
    before_last, last, filled = 0, 0, 0
    while at < end:
        value, at = _read_number(text, at, end)
        # From the fourth number on, a code holds differences to the number two places before.
        if filled > 2:
            value += before_last
        if at == _MALFORMED or value < 0 or value > frame_end - position:
            return _MALFORMED
        if filled % 2 == 1 and value > 0:
            starts[runs], stops[runs] = position, position + value
            runs += 1
        position += value
        before_last, last = last, value
        filled += 1
    return runs if position == frame_end else _MALFORMED


@numba.njit(cache=True)
def _read_number(text: NDArray[np.uint8], at: int, end: int) -> tuple[np.int64, int]:
    """One signed number of base-32 digits, lowest first, and the position after it; -1 when it is malformed."""
    value, shift = np.int64(0), 0
    while at < end and shift < _MAX_BITS:
        code = np.int64(text[at]) - 48
        if code < 0 or code > 63:
            break
        value |= (code & 31) << shift
        at, shift = at + 1, shift + 5
        if code < 32:
            # The highest bit of the last digit is the sign.
            return (value - (np.int64(1) << shift), at) if code & 16 else (value, at)
    return value, _MALFORMED


@numba.njit(cache=True)
def intersect_all_pairs(
    starts: NDArray[np.int64],
    stops: NDArray[np.int64],
    bounds: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Pixels that each track of `left` (D,) shares with each of `right` (G,): (D, G).

    The runs of track n are [bounds[n], bounds[n + 1]) of `starts` and `stops`; bounds: (N + 1,).
    """
    shared = np.zeros((left.size, right.size), np.int64)
    for row in range(left.size):
        for column in range(right.size):
            i, i_end = bounds[left[row]], bounds[left[row] + 1]
            j, j_end = bounds[right[column]], bounds[right[column] + 1]
            total = 0
            while i < i_end and j < j_end:
                total += max(0, min(stops[i], stops[j]) - max(starts[i], starts[j]))
                if stops[i] <= stops[j]:
                    i += 1
                else:
                    j += 1
            shared[row, column] = total
    return shared
