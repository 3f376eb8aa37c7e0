"""Scores in a terminal: points with two decimals, in columns."""

from __future__ import annotations

from collections.abc import Iterable

from tabulate import tabulate

from vita.evaluation.average_precision import NO_GROUND_TRUTH
from vita.evaluation.bootstrap import LEVEL, Interval

INTERVAL = f"{LEVEL:.0%} interval"


def table(rows: Iterable[Iterable[object]], headers: list[str]) -> str:
    """Cells in columns, all but the first to the right."""
    aligned = ("left", *("right" for _ in headers[1:]))
    return tabulate([list(row) for row in rows], headers, colalign=aligned, disable_numparse=True)


def label(name: str) -> str:
    """A score of records as people write it: "AP small" for "ap_small"."""
    kind, size = name[:2].upper(), name[2:].replace("_", " ")
    return kind + size


def points(score: float) -> str:
    """A fraction in points."""
    return "none" if score == NO_GROUND_TRUTH else f"{100 * score:.2f}"


def signed(difference: float) -> str:
    """A difference of fractions in points, with its sign."""
    return f"{round(100 * difference, 2) + 0.0:+.2f}"  # no -0.00


def ends(interval: Interval | None) -> str:
    """Of an interval in points; "" without one."""
    return "" if interval is None else f"{points(interval.low)} to {points(interval.high)}"
