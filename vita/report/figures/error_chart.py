"""The error analysis as a bar chart of a column's width."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vita.evaluation.errors.analysis import ErrorAnalysis
from vita.report.figures.style import COLOURS, COLUMN_INCHES, TINY_POINTS, save, styled

_HEIGHT_INCHES = 2.3
_THICKNESS = 0.38  # of a bar, where kinds are 1 apart


def draw_errors(errors: ErrorAnalysis, out: Path) -> None:
    """Points of AP that each oracle gives back, alone and in sequence; .pdf and .png."""
    with styled():
        figure = Figure(figsize=(COLUMN_INCHES, _HEIGHT_INCHES), layout="constrained")
        _draw_kinds(figure.add_subplot(), errors)
        figure.legend(loc="outside upper center", ncols=2)
        save(figure, out)


def _draw_kinds(axes: Axes, errors: ErrorAnalysis) -> None:
    alone = [100 * kind.alone for kind in errors.kinds]
    in_sequence = [100 * kind.in_sequence for kind in errors.kinds]
    _draw_bars(axes, alone, -_THICKNESS / 2, "alone", COLOURS[5])
    _draw_bars(axes, in_sequence, _THICKNESS / 2, "in sequence", COLOURS[0])
    axes.set_yticks(range(len(errors.kinds)), [kind.name for kind in errors.kinds])
    axes.invert_yaxis()
    axes.margins(x=0.14)  # room for the numbers
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(f"AP given back (points); AP as it is: {100 * errors.ap:.1f}")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)


def _draw_bars(axes: Axes, values: list[float], shift: float, label: str, colour: str) -> None:
    places = [number + shift for number in range(len(values))]
    bars = axes.barh(places, values, _THICKNESS, label=label, color=colour)
    axes.bar_label(bars, fmt="%.1f", padding=2, fontsize=TINY_POINTS)
