"""Compiled kernels on run-length codes: decode many, intersect many.

A mask is a sorted list of edges: where each run of foreground pixels starts and where it stops, in column-major order
of its frame. Sums over frames are 64-bit, so a track may be as long as it likes. All kernels run beside each other in
threads.

Legend: S masks, E edges of all masks, N tracks, P pairs of tracks.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

NO_FAULT = -1
_MAX_BITS = 55  # of a number in a code, 5 a character; more is garbage
_MALFORMED = -1

Edges = NDArray[np.integer]  # 32 bits where they hold a frame, otherwise 64


def decode_codes(
    text: NDArray[np.uint8], text_ends: NDArray[np.int64], kept: NDArray[np.bool_], pixels: int
) -> tuple[Edges, NDArray[np.int64], NDArray[np.int64], int]:
    """Decode S compressed COCO codes, written one after the other in `text`.

    text_ends: (S,), where each code ends in `text`; an empty code is an empty mask. kept: (S,), whether the edges of
    a mask are wanted; the others are measured only. pixels: of a frame. Returns edges (E,), edge_ends (S,) (where
    each mask ends in these), areas (S,) in pixels, and the number of the first malformed code, or -1.
    """
    # A run takes two characters or more. Pages that are never written take no memory.
    edges: Edges = np.empty(text.size + 2, np.int32 if pixels <= np.iinfo(np.int32).max else np.int64)
    edge_ends, areas = np.zeros(text_ends.size, np.int64), np.zeros(text_ends.size, np.int64)
    fault = _decode_all(text, text_ends, kept, pixels, edges, edge_ends, areas)
    return edges, edge_ends, areas, int(fault)


@numba.njit(cache=True, nogil=True)
def _decode_all(
    text: NDArray[np.uint8],
    text_ends: NDArray[np.int64],
    kept: NDArray[np.bool_],
    pixels: int,
    edges: Edges,
    edge_ends: NDArray[np.int64],
    areas: NDArray[np.int64],
) -> int:
    """Fill `edges`, `edge_ends` and `areas`; the number of the first malformed code, or -1."""
    filled, begin = 0, 0
    for mask in range(text_ends.size):
        end = text_ends[mask]
        if end > begin:
            stop, areas[mask] = _decode_one(text, begin, end, pixels, edges, filled)
            if stop == _MALFORMED:
                return mask
            if kept[mask]:
                filled = stop
        edge_ends[mask], begin = filled, end
    return NO_FAULT


@numba.njit(cache=True, nogil=True)
def _decode_one(
    text: NDArray[np.uint8], at: int, end: int, pixels: int, edges: Edges, filled: int
) -> tuple[int, np.int64]:
    """Write the edges of text[at:end] from edges[filled] on; where they end (-1: malformed code), and the area."""
    position, area = np.int64(0), np.int64(0)
    # The last two numbers of each kind: a code holds, from the fourth number on, differences to the one before last.
    background, foreground = np.int64(0), np.int64(0)
    number = 0
    while at < end:
        value, at = _read_number(text, at, end)
        if number > 2:
            value += foreground if number & 1 else background
        if at == _MALFORMED or value < 0 or value > pixels - position:
            return _MALFORMED, area
        if number & 1:
            edges[filled], edges[filled + 1] = position, position + value
            filled += 2 * (value > 0)
            area += value
            foreground = value
        else:
            background = value
        position += value
        number += 1
    return (filled, area) if position == pixels else (_MALFORMED, area)


@numba.njit(cache=True, nogil=True, inline="always")
def _read_number(text: NDArray[np.uint8], at: int, end: int) -> tuple[np.int64, int]:
    """One signed number of base-32 digits, lowest first, and the position after it; -1 when it is malformed."""
    value, shift = np.int64(0), 0
    while at < end and shift < _MAX_BITS:
        digit = np.int64(text[at]) - 48
        if digit < 0 or digit > 63:
            break
        value |= (digit & 31) << shift
        at, shift = at + 1, shift + 5
        if digit < 32:
            # The highest bit of the last digit is the sign.
            return value - ((digit & 16) << (shift - 4)), at
    return value, _MALFORMED


@numba.njit(cache=True, nogil=True)
def intersect_pairs(
    edges: Edges,
    edge_bounds: NDArray[np.int64],
    mask_bounds: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Pixels that track left[p] shares with track right[p], frame by frame, for each of P pairs: (P,).

    The masks of track n are those from mask_bounds[n] up to mask_bounds[n + 1], the edges of mask m those from
    edge_bounds[m] up to edge_bounds[m + 1]. Frames beyond the end of the shorter track do not count.
    """
    shared = np.zeros(left.size, np.int64)
    for pair in range(left.size):
        one, other = mask_bounds[left[pair]], mask_bounds[right[pair]]
        frames = min(mask_bounds[left[pair] + 1] - one, mask_bounds[right[pair] + 1] - other)
        for frame in range(frames):
            a, a_end = edge_bounds[one + frame], edge_bounds[one + frame + 1]
            b, b_end = edge_bounds[other + frame], edge_bounds[other + frame + 1]
            if a < a_end and b < b_end:
                shared[pair] += _intersect(edges, a, a_end, b, b_end)
    return shared


@numba.njit(cache=True, nogil=True)
def _intersect(edges: Edges, a: int, a_end: int, b: int, b_end: int) -> np.int64:
    """Pixels that two masks of one frame share; neither is empty."""
    # Columns that only one of the two reaches are passed over in a few steps.
    a = _first_after(edges, a, a_end, edges[b])
    b = _first_after(edges, b, b_end, edges[a]) if a < a_end else b_end
    total = np.int64(0)
    while a < a_end and b < b_end:
        a_stop, b_stop = edges[a + 1], edges[b + 1]
        total += max(0, min(a_stop, b_stop) - max(edges[a], edges[b]))
        a += 2 * (a_stop <= b_stop)
        b += 2 * (b_stop <= a_stop)
    return total


@numba.njit(cache=True, nogil=True)
def _first_after(edges: Edges, begin: int, end: int, position: int) -> int:
    """Of the runs in edges[begin:end], where the first begins that stops after `position`; `end` when none does."""
    low, high = begin // 2, end // 2
    while low < high:
        middle = (low + high) // 2
        if edges[2 * middle + 1] > position:
            high = middle
        else:
            low = middle + 1
    return 2 * low
