"""Compiled kernels on run-length codes: decode many, intersect many.

A mask is a sorted list of edges: where each run of foreground pixels starts and where it stops, in column-major order
of its frame; a run may be empty. Sums over frames are 64-bit, so a track may be as long as it likes. Kernels release
the interpreter's lock, so threads run them beside each other.

Legend: S masks, E edges of all masks, N tracks, P pairs of tracks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vita.core.compiled import compiled

NO_FAULT = -1
FIRST_DIGIT = 48  # of a compressed code
_MALFORMED = -1
# Frames of more pixels than that need 64-bit edges. Bits of a number in a code, 5 a character: more is garbage.
_NARROW_PIXELS, _NARROW_BITS, _WIDE_BITS = 2**29, 30, 55

Edges = NDArray[np.integer]


def decode_codes(
    text: NDArray[np.uint8], text_ends: NDArray[np.int64], kept: NDArray[np.bool_], pixels: int
) -> tuple[Edges, NDArray[np.int64], NDArray[np.int64], int]:
    """Decode S compressed COCO codes, written one after the other in `text`.

    text_ends: (S,), where each code ends in `text`; an empty code is an empty mask. kept: (S,), whether the edges of
    a mask are wanted; the others are measured only. pixels: of a frame. Returns edges (E,), edge_ends (S,) (where
    each mask ends in these), areas (S,) in pixels, and the number of the first malformed code, or -1.
    """
    narrow = pixels <= _NARROW_PIXELS
    # A number takes a character or more. Pages that are never written take no memory.
    edges: Edges = np.empty(text.size + 1, np.int32 if narrow else np.int64)
    edge_ends, areas = np.zeros(text_ends.size, np.int64), np.zeros(text_ends.size, np.int64)
    most_bits = _NARROW_BITS if narrow else _WIDE_BITS
    fault = _decode_all(text, text_ends, kept, pixels, most_bits, edges, edge_ends, areas)
    return edges, edge_ends, areas, int(fault)


@compiled(nogil=True)
def _decode_all(
    text: NDArray[np.uint8],
    text_ends: NDArray[np.int64],
    kept: NDArray[np.bool_],
    pixels: int,
    most_bits: int,
    edges: Edges,
    edge_ends: NDArray[np.int64],
    areas: NDArray[np.int64],
) -> int:
    """Fill `edges`, `edge_ends` and `areas`; the number of the first malformed code, or -1."""
    filled, begin = 0, 0
    for mask in range(text_ends.size):
        end = text_ends[mask]
        if end > begin:
            stop = _unpack_numbers(text[begin:end], most_bits, edges[filled:])
            total, areas[mask] = _sum_up(edges[filled : filled + stop])
            if stop == _MALFORMED or total != pixels:
                return mask
            if kept[mask]:
                # Background at the end has no run after it.
                filled += stop // 2 * 2
        edge_ends[mask], begin = filled, end
    return NO_FAULT


@compiled(nogil=True)
def _unpack_numbers(text: NDArray[np.uint8], most_bits: int, numbers: Edges) -> int:
    """Write the signed numbers of one code, base-32 digits, lowest first; how many, or -1 for a malformed code."""
    value, shift, count = np.int64(0), 0, 0
    all_digits, longest = np.int64(0), 0
    # Without a branch: whether a number goes on cannot be foreseen.
    for at in range(text.size):
        digit = np.int64(text[at]) - 48
        value |= (digit & 31) << shift
        # The highest bit of the last digit is the sign.
        numbers[count] = value - ((digit & 16) << (shift + 1))
        goes_on = digit >= 32
        shift += 5
        all_digits, longest = all_digits | digit, max(longest, shift)
        count += not goes_on
        value, shift = (value, shift) if goes_on else (np.int64(0), 0)
    malformed = all_digits < 0 or all_digits > 63 or longest > most_bits or shift > 0
    return _MALFORMED if malformed else count


@compiled(nogil=True)
def _sum_up(numbers: Edges) -> tuple[np.int64, np.int64]:
    """Turn the numbers of a code into edges, in place. Returns the pixels of all runs (-1: malformed), and the area.

    From the fourth number on, a code holds differences to the run before the last.
    """
    if numbers.size == 0:
        return np.int64(_MALFORMED), np.int64(0)
    position, area = np.int64(numbers[0]), np.int64(0)
    foreground, background, signs = np.int64(0), np.int64(0), position
    for number in range(1, numbers.size - 1, 2):
        foreground += numbers[number]
        background += numbers[number + 1]
        area += foreground
        numbers[number] = position + foreground
        position += foreground + background
        numbers[number + 1] = position
        signs |= foreground | background | position
    if numbers.size % 2 == 0:
        foreground += numbers[-1]
        area += foreground
        position += foreground
        numbers[-1] = position
        signs |= foreground | position
    return (position if signs >= 0 else np.int64(_MALFORMED)), area


@compiled(nogil=True)
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


@compiled(nogil=True)
def intersect_frames(
    edges: Edges,
    edge_bounds: NDArray[np.int64],
    mask_bounds: NDArray[np.int64],
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    frames: int,
) -> NDArray[np.int64]:
    """As `intersect_pairs`, of each of the first `frames` frames by itself: (P, frames)."""
    shared = np.zeros((left.size, frames), np.int64)
    for pair in range(left.size):
        one, other = mask_bounds[left[pair]], mask_bounds[right[pair]]
        listed = min(mask_bounds[left[pair] + 1] - one, mask_bounds[right[pair] + 1] - other, frames)
        for frame in range(listed):
            a, a_end = edge_bounds[one + frame], edge_bounds[one + frame + 1]
            b, b_end = edge_bounds[other + frame], edge_bounds[other + frame + 1]
            if a < a_end and b < b_end:
                shared[pair, frame] = _intersect(edges, a, a_end, b, b_end)
    return shared


@compiled(nogil=True)
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


@compiled(nogil=True)
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


@compiled(nogil=True)
def write_number(value: int, codes: NDArray[np.uint8], filled: int) -> int:
    """Write a signed number in base-32 digits, lowest first; how much of `codes` is filled then."""
    while True:
        digit = value & 31
        value >>= 5
        # The highest bit of the last digit is the sign.
        more = value != (-1 if digit & 16 else 0)
        codes[filled] = FIRST_DIGIT + (digit | (32 if more else 0))
        filled += 1
        if not more:
            return filled
