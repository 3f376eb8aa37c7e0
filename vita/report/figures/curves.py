"""Loss curves of training runs, from the histories that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vita.core.contract import UserError
from vita.core.csv_table import read_csv
from vita.core.written_files import check_as_written
from vita.report.figures.style import COLOURS, LINE_STYLES, save, styled

PANEL_INCHES = (2.6, 2.1)


def draw_losses(histories: Sequence[Path], out: Path) -> None:
    """Weighted total loss over steps, one panel a method and training variant, one line a seed; .pdf and .png.

    histories: history.csv of runs, whose folders say whose they are. Raises UserError naming a file that is missing
    or no history.
    """
    panels: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for path in histories:
        method, _, variant, seed = path.resolve().parts[-5:-1]
        panels.setdefault(f"{method}, {variant}", []).append((seed, read_history(path)))
    width, height = PANEL_INCHES
    with styled():
        figure = Figure(figsize=(width * len(panels), height), layout="constrained")
        for number, (title, runs) in enumerate(panels.items(), start=1):
            _draw_panel(figure.add_subplot(1, len(panels), number), title, runs)
        save(figure, out)


def read_history(path: Path) -> pd.DataFrame:
    """Raises UserError when the file is missing or not what training writes."""
    check_as_written(path)
    types = {"step": int, "total": float, "validation_AP": float}
    history = read_csv(path, "history", "vita train", types=types)
    if not {"step", "total"} <= set(history):
        raise UserError(f"{path}: no columns 'step' and 'total'; `vita train` writes them into history.csv")
    return history


def _draw_panel(axes: Axes, title: str, runs: Sequence[tuple[str, pd.DataFrame]]) -> None:
    for number, (seed, history) in enumerate(runs):
        logged = history[history["total"].notna()]  # a step that was only validated has no loss
        colour, line = COLOURS[number % len(COLOURS)], LINE_STYLES[number % len(LINE_STYLES)]
        axes.plot(logged["step"], logged["total"], color=colour, linestyle=line, linewidth=1, label=seed)
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.set_ylabel("total loss")
    axes.set_ylim(bottom=0)
    axes.grid(True)
    if len(runs) > 1:
        axes.legend()
