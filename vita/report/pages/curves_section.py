"""The course of a training as drawings that stand inside a page: losses, and AP where it was validated."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vita.core.records import HISTORY_FILE
from vita.report.figures.curves import read_history

WIDTH, HEIGHT = 300, 100  # of a drawing, whatever its size on the page
SHOWN = {"total": "loss", "validation_AP": "AP of the validation while training"}
MOST_POINTS = 600  # more than a drawing has room for


@dataclass(frozen=True)
class Drawing:
    """One line. points: of an SVG of `WIDTH` times `HEIGHT`.  low, high: at its lower and upper edge."""

    name: str
    points: str
    low: str
    high: str
    text: str


def draw_history(folder: Path) -> list[Drawing]:
    """Of a run; none without a history. Raises UserError where that is damaged."""
    path = folder / HISTORY_FILE
    return list(_drawings(read_history(path))) if path.exists() else []


def _drawings(history: pd.DataFrame) -> Iterator[Drawing]:
    for column, name in SHOWN.items():
        if column not in history:
            continue
        rows = history[["step", column]].dropna()
        if len(rows):
            yield _drawing(name, rows["step"], rows[column])


def _drawing(name: str, steps: pd.Series, values: pd.Series) -> Drawing:
    every = -(-len(steps) // MOST_POINTS)
    low, high = min(0.0, float(values.min())), float(values.max())
    x = WIDTH * steps / max(float(steps.max()), 1.0)
    y = HEIGHT * (1 - (values - low) / ((high - low) or 1.0))
    points = " ".join(f"{left:.1f},{top:.1f}" for left, top in zip(x[::-every], y[::-every], strict=True))
    text = f"{name}: {values.iloc[0]:.1f} at step {steps.iloc[0]:,} to {values.iloc[-1]:.1f} at step {steps.iloc[-1]:,}"
    return Drawing(name, points, f"{low:.1f}", f"{high:.1f}", text)
