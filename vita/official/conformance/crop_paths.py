"""Could our moving window and our rotation have drawn what was recorded? Corners and weights are found again.

Legend: T frames, C pairs of corners; a start is the (top, left) of a frame's window, in pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from vita.data.augment.settings import window_starts
from vita.data.augment.transforms import Floats

Ints = NDArray[np.int64]
HALF = 0.5  # pixels that rounding may have moved a start
MARGIN = 1e-9  # of weights: a start half-way between two pixels would be rounded by chance


def redrawn(starts: Ints, room: tuple[int, int]) -> Ints | None:
    """The starts (T, 2) again, by our interpolation between two corners of whole pixels; None if there are none.

    room: largest top and left that keep the window inside its frame.
    """
    reverse = bool((starts[-1] < starts[0]).any())
    ordered = starts[::-1] if reverse else starts
    if (np.diff(ordered, axis=0) < 0).any() or not _on_a_line(ordered):
        return None
    found = _find(ordered, room)
    if found is None:
        return None
    ours = window_starts(*found)
    return ours[::-1] if reverse else ours


def _on_a_line(starts: Ints) -> bool:
    """Whether one line that falls in neither direction passes every start, give or take its rounding."""
    span = np.ptp(starts, axis=0)
    along, across = (starts[:, 0], starts[:, 1]) if span[0] >= span[1] else (starts[:, 1], starts[:, 0])
    ones = np.ones(len(starts))
    # offset + slope * (along - 1/2) <= across + 1/2, and offset + slope * (along + 1/2) >= across - 1/2
    bounds = np.concatenate([np.stack([ones, along - HALF], 1), -np.stack([ones, along + HALF], 1)])
    limits = np.concatenate([across + HALF, HALF - across])
    return bool(linprog([0, 0], A_ub=bounds, b_ub=limits, bounds=[(None, None), (0, None)]).success)


def _find(starts: Ints, room: tuple[int, int]) -> tuple[Ints, Ints, Floats] | None:
    """First corner, second corner (2) and ascending weights (T) that give these ascending starts."""
    corners = [_corners(starts[:, axis], room[axis]) for axis in (0, 1)]
    ranges = [_weights(corners[axis], starts[:, axis]) for axis in (0, 1)]
    outer, inner = (0, 1) if len(corners[0]) <= len(corners[1]) else (1, 0)
    low, high = ranges[inner]
    for pair, (least, most) in enumerate(zip(*ranges[outer], strict=True)):
        fits = np.flatnonzero(((low < most - MARGIN) & (high > least + MARGIN)).all(axis=1))
        if len(fits):
            weights = (np.maximum(low[fits[0]], least) + np.minimum(high[fits[0]], most)) / 2
            chosen = {outer: corners[outer][pair], inner: corners[inner][fits[0]]}
            both = np.stack([chosen[0], chosen[1]], axis=1)
            return both[0], both[1], weights
    return None


def _corners(starts: Ints, room: int) -> Ints:
    """(C, 2) first and second corner in one direction around ascending starts (T), the nearest pairs first."""
    first, second = np.meshgrid(np.arange(starts[0] + 1), np.arange(starts[-1], room + 1), indexing="ij")
    pairs = np.stack([first.ravel(), second.ravel()], axis=1)
    return pairs[np.argsort(pairs[:, 1] - pairs[:, 0], kind="stable")]


def _weights(corners: Ints, starts: Ints) -> tuple[Floats, Floats]:
    """Smallest and largest weight, both (C, T), that round to these starts (T); smallest above largest: none does."""
    first, length = corners[:, :1], np.diff(corners, axis=1)
    still = length == 0
    low, high = (np.where(still, edge, (starts - first + half) / np.where(still, 1, length)) for edge, half in EDGES)
    missed = still & (starts != first)
    return np.where(missed, 2.0, low.clip(0)), np.where(missed, -1.0, high.clip(max=1))


EDGES = ((0.0, -HALF), (1.0, HALF))
