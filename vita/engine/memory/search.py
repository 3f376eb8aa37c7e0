"""The largest number of frames that fits, found with few trials around a guess.

Whether a number fits is not exactly monotone: an allocator rounds, and what is free may lie in pieces. So what is found
is an edge, and around it a band in which both was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_STEP = 1 / 40  # of the guess: as good as a prediction usually is
CHECKED = 0.06  # this far from the edge the answer must be the other one


@dataclass
class Edge:
    """Which numbers of frames were tried, and whether they fitted."""

    trials: dict[int, bool] = field(default_factory=dict)

    @property
    def largest(self) -> int:
        """Frames that fitted, the most; 0 when none did."""
        return max((n for n, fits in self.trials.items() if fits), default=0)

    @property
    def smallest_failing(self) -> int | None:
        """The fewest frames that did not fit; None when all fitted."""
        return min((n for n, fits in self.trials.items() if not fits), default=None)

    @property
    def band(self) -> tuple[int, int]:
        """From the smallest number that did not fit to the largest that did; both `largest` where that is not more."""
        failing = self.smallest_failing
        return (self.largest if failing is None else min(failing, self.largest)), self.largest

    @property
    def is_monotone(self) -> bool:
        """But for a band of 6 %, which allocators may have, and one frame."""
        low, high = self.band
        return high - low <= CHECKED * high + 1


def find_edge(fits: Callable[[int], bool], guess: int, precision: float, at_most: int) -> Edge:
    """Ask `fits` for numbers of frames until the edge is known to `precision`, a share of it, or to one frame.

    From the guess on it goes in doubling steps to the other answer, then halves what is between, then asks again on
    both sides of the edge. Numbers above `at_most` are not asked for.
    """
    edge = Edge()

    def ask(frames: int) -> bool:
        if frames not in edge.trials:
            edge.trials[frames] = fits(frames)
        return edge.trials[frames]

    low, high = _bracket(ask, max(1, min(guess, at_most)), at_most)
    while high - low > max(1.0, precision * high):
        middle = (low + high) // 2
        low, high = (middle, high) if ask(middle) else (low, middle)
    for near, away in ((low, -1), (high, 1)):
        frames = round(near * (1 + away * CHECKED))
        if 0 < frames <= at_most and not _is_checked(edge, near, away):
            ask(frames)
    return edge


def _is_checked(edge: Edge, near: int, away: int) -> bool:
    """Whether a trial on that side of the edge was neither next to it nor far from it."""
    return any(CHECKED / 2 <= away * (frames / near - 1) <= 2 * CHECKED for frames in edge.trials)


def _bracket(ask: Callable[[int], bool], guess: int, at_most: int) -> tuple[int, int]:
    """A number that fits, or 0, and one that does not, or one more than there may be."""
    step = math.ceil(guess * FIRST_STEP)  # rounded down, small guesses would need one halving more
    if ask(guess):
        low = guess
        while low < at_most:
            following = min(low + step, at_most)
            if not ask(following):
                return low, following
            low, step = following, 2 * step
        return low, at_most + 1
    high = guess
    while high > 1:
        following = max(high - step, 1)
        if ask(following):
            return following, high
        high, step = following, 2 * step
    return 0, 1
