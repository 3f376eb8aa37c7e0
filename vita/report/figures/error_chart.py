"""The error analysis as a bar chart of a column's width."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vita.evaluation.errors.analysis import Ends, ErrorAnalysis
from vita.report.figures.style import COLOURS, COLUMN_INCHES, TINY_POINTS, save, styled

_HEIGHT_INCHES = 2.3
_WHISKER = {"elinewidth": 0.6, "capsize": 1.5, "capthick": 0.6}
_THICKNESS = 0.38  # of a bar, where kinds are 1 apart


def draw_errors(errors: ErrorAnalysis, out: Path) -> None:
    """Points of AP that each oracle gives back, alone and in sequence, with their 95 % intervals; .pdf and .png."""
    with styled():
        figure = Figure(figsize=(COLUMN_INCHES, _HEIGHT_INCHES), layout="constrained")
        _draw_kinds(figure.add_subplot(), errors)
        figure.legend(loc="outside upper center", ncols=2)
        save(figure, out)


def _draw_kinds(axes: Axes, errors: ErrorAnalysis) -> None:
    alone = [(kind.alone, kind.alone_interval) for kind in errors.kinds]
    in_sequence = [(kind.in_sequence, kind.sequence_interval) for kind in errors.kinds]
    _draw_bars(axes, alone, -_THICKNESS / 2, "alone", COLOURS[5])
    _draw_bars(axes, in_sequence, _THICKNESS / 2, "in sequence", COLOURS[0])
    axes.set_yticks(range(len(errors.kinds)), [kind.name for kind in errors.kinds])
    axes.invert_yaxis()
    axes.margins(x=0.14)  # room for the numbers
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"AP given back (points); AP as it is: {100 * errors.ap:.1f}")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _draw_bars(axes: Axes, gains: Sequence[tuple[float, Ends | None]], shift: float, label: str, colour: str) -> None:
    places = [number + shift for number in range(len(gains))]
    values = [100 * gain for gain, _ in gains]
    bars = axes.barh(places, values, _THICKNESS, label=label, color=colour, xerr=_whiskers(gains), error_kw=_WHISKER)
    axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=TINY_POINTS)


def _whiskers(gains: Sequence[tuple[float, Ends | None]]) -> np.ndarray | None:
    """(2, kinds) points below and above each gain; None where a kind has no interval."""
    ends = [(gain - interval[0], interval[1] - gain) for gain, interval in gains if interval]
    # A gain may lie beyond its interval, whose draws are of other videos.
    return 100 * np.maximum(0.0, np.array(ends).T) if ends and len(ends) == len(gains) else None
