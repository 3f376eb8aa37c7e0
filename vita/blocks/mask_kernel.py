"""Compiled kernel from mask logits at stride 4 to run-length codes at full size.

It computes what resizing whole maps and encoding all their pixels would (`to_network_size`, `to_out_size` and `encode`
of `vita.blocks.mask_decoding`), but touches only the pixels around positive logits: an average of values that are not
positive is not positive either. Masks of all pixels never exist.

Legend: M masks, h w positions of the logits, H W pixels of the network input, C characters of codes. Maps are stored
column by column, since codes run down the columns: (w, h). A box is its first and last-but-one row, then column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vita.core.compiled import compiled
from vita.data.masks.rle_kernels import write_number

_CHARACTERS = 7  # of a number in a code, at most: 35 bits

Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]


class Axis(NamedTuple):
    """One axis of a bilinear resize: between which two source positions each of the n targets lies, and where."""

    before: NDArray[np.int64]  # (n,)
    after: NDArray[np.int64]  # (n,)
    weight: Floats  # (n,) of `after`


class Coded(NamedTuple):
    """Codes of M masks, one after the other, and their foreground at the network's size."""

    text: NDArray[np.uint8]  # (C,)
    ends: NDArray[np.int64]  # (M,) of the codes in `text`
    probability: NDArray[np.float64]  # (M,) summed over the foreground
    pixels: NDArray[np.int64]  # (M,) of the foreground


def resize_axis(source: int, target: int, kept: int) -> Axis:
    """From `source` to `target` positions, of which the first `kept` are wanted; in 32 bits, as torch computes them."""
    scale = np.float32(source) / np.float32(target)
    places = np.maximum((np.arange(kept) + 0.5) * np.float64(scale) - 0.5, 0).astype(np.float32)
    before = np.minimum(places.astype(np.int64), source - 1)
    weight = np.clip(places - before.astype(np.float32), 0, 1)
    return Axis(before, np.minimum(before + 1, source - 1), weight)


@compiled(nogil=True)
def code_masks(logits: Floats, network: tuple[Axis, Axis], out: tuple[Axis, Axis], resized: bool) -> Coded:
    """Codes of masks that are positive inside: logits (M, w, h).

    network: rows and columns from (h, w) to (H, W); out: from there to the size of the codes, if that is another
    (`resized`).
    """
    count = len(logits)
    ends, probability, pixels = np.empty(count, np.int64), np.zeros(count), np.zeros(count, np.int64)
    values = np.empty((network[1].before.size, network[0].before.size), np.float32)
    shown = np.empty((out[1].before.size, out[0].before.size), np.float32) if resized else values
    runs, text, filled = np.empty(shown.size + 1, np.int64), np.empty(1024, np.uint8), 0
    for mask in range(count):
        box = _reach(network, _positive(logits[mask]))
        if resized:
            # One pixel more: the last output pixels that may be positive lie between it and the first.
            top, bottom, left, right = box
            wider = max(top - 1, 0), min(bottom + 1, values.shape[1]), max(left - 1, 0), min(right + 1, len(values))
            _resize(logits[mask], network, wider, values)
            probability[mask], pixels[mask] = _foreground(values, wider)
            box = _reach(out, box)
            _resize(values, out, box, shown)
        else:
            _resize(logits[mask], network, box, values)
            probability[mask], pixels[mask] = _foreground(values, box)
        number = _find_runs(shown, box, runs)
        if filled + _CHARACTERS * number > text.size:
            text = np.concatenate((text, np.empty(text.size + _CHARACTERS * number, np.uint8)))
        for run in range(number):
            # From the fourth number on, a code holds differences to the run before the last.
            filled = write_number(runs[run] - runs[run - 2] if run > 2 else runs[run], text, filled)
        ends[mask] = filled
    return Coded(text[:filled].copy(), ends, probability, pixels)


@compiled(nogil=True)
def _positive(logits: Floats) -> Box:
    """The smallest box around the positive ones of (w, h); no rows and columns when there are none."""
    top, bottom, left, right = logits.shape[1], 0, len(logits), 0
    for column in range(len(logits)):
        for row in range(logits.shape[1]):
            if logits[column, row] > 0:
                top, bottom = min(top, row), max(bottom, row + 1)
                left, right = min(left, column), column + 1
    return (top, bottom, left, right) if right else (0, 0, 0, 0)


@compiled(nogil=True)
def _reach(axes: tuple[Axis, Axis], box: Box) -> Box:
    """The targets that depend on a source in the box."""
    rows, columns = axes
    top, bottom, left, right = box
    if right == 0:
        return 0, 0, 0, 0
    return (
        int(np.searchsorted(rows.after, top)),
        int(np.searchsorted(rows.before, bottom)),
        int(np.searchsorted(columns.after, left)),
        int(np.searchsorted(columns.before, right)),
    )


@compiled(nogil=True)
def _resize(source: Floats, axes: tuple[Axis, Axis], box: Box, target: Floats) -> None:
    """Write the box of `target` (W, H) from `source` (w, h): along the row first, as torch does."""
    top, bottom, left, right = box
    rows, columns, one = axes[0], axes[1], np.float32(1)
    # Slices, since the compiler knows that their indices are not negative: several times as fast.
    before, after, down = rows.before[top:bottom], rows.after[top:bottom], rows.weight[top:bottom]
    column = np.empty(source.shape[1], np.float32)
    for x in range(left, right):
        here, beside, along = source[columns.before[x]], source[columns.after[x]], columns.weight[x]
        for row in range(column.size):
            column[row] = _mean(here[row], one - along, beside[row], along)
        line = target[x, top:bottom]
        for y in range(line.size):
            upper, lower = column[np.uint32(before[y])], column[np.uint32(after[y])]
            line[y] = _mean(upper, one - down[y], lower, down[y])


@compiled(nogil=True)
def _mean(one: np.float32, weight: np.float32, other: np.float32, other_weight: np.float32) -> np.float32:
    """Weighted mean, rounded as by torch's fused multiplication and addition: its sign makes the edge of a mask."""
    return np.float32(np.float64(one) * np.float64(weight) + np.float64(other * other_weight))


@compiled(nogil=True)
def _foreground(values: Floats, box: Box) -> tuple[float, int]:
    """Sum of the probabilities of the positive logits in a box of (W, H), and their number."""
    top, bottom, left, right = box
    total, number, one = 0.0, 0, np.float32(1)
    for x in range(left, right):
        for value in values[x, top:bottom]:
            if value > 0:
                total += one / (one + np.exp(-value))
                number += 1
    return total, number


@compiled(nogil=True)
def _find_runs(values: Floats, box: Box, runs: NDArray[np.int64]) -> int:
    """Write the lengths of the runs of (W, H), not positive and positive in turn; how many. Outside the box is none."""
    top, bottom, left, right = box
    width, height = values.shape
    number, last, inside = 0, 0, False
    for x in range(left, right):
        at = x * height + top
        for value in values[x, top:bottom]:
            if (value > 0) != inside:
                runs[number], last, inside = at - last, at, not inside
                number += 1
            at += 1
        # Below the box is background, as above it in the next column; where neither is, a run goes on there.
        if inside and (bottom < height or top > 0 or x == right - 1) and at < width * height:
            runs[number], last, inside = at - last, at, False
            number += 1
    runs[number] = width * height - last
    return number + 1
