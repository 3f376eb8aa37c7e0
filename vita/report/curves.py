"""Loss curves of training runs, from the histories that they leave."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vita.contract import UserError
from vita.files import atomic_write

# Okabe and Ito's colours, told apart with any colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
FORMATS = (".pdf", ".png")
PANEL_INCHES = (2.6, 2.1)
FONT_POINTS = 8


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
    figure = Figure(figsize=(width * len(panels), height), layout="constrained")
    for number, (title, runs) in enumerate(panels.items(), start=1):
        _draw_panel(figure.add_subplot(1, len(panels), number), title, runs)
    for ending in FORMATS:
        with atomic_write(out.with_suffix(ending)) as temporary:
            figure.savefig(temporary, format=ending[1:], dpi=200)


def read_history(path: Path) -> pd.DataFrame:
    """Raises UserError when the file is missing or not what training writes."""
    try:
        history = pd.read_csv(path)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable history ({error}); `vita train` writes it") from None
    if not {"step", "total"} <= set(history):
        raise UserError(f"{path}: no columns 'step' and 'total'; `vita train` writes them into history.csv")
    return history


def _draw_panel(axes: Axes, title: str, runs: Sequence[tuple[str, pd.DataFrame]]) -> None:
    for number, (seed, history) in enumerate(runs):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(history["step"], history["total"], color=colour, linewidth=1, label=seed)
    axes.set_title(title, fontsize=FONT_POINTS)
    axes.set_xlabel("step", fontsize=FONT_POINTS)
    axes.set_ylabel("total loss", fontsize=FONT_POINTS)
    axes.tick_params(which="both", labelsize=FONT_POINTS - 1)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3, linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if len(runs) > 1:
        axes.legend(frameon=False, fontsize=FONT_POINTS - 1)
