"""Figure 5: validation AP over training iterations, one curve a row: means over seeds, and how far they lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from vita.core.config_base import load
from vita.core.contract import UserError
from vita.core.csv_table import csv_text
from vita.core.files import write_text
from vita.experiments.config import ResolvedRow, TableSpec
from vita.report.figures.curves import read_history
from vita.report.figures.style import COLOURS, COLUMN_INCHES, LINE_STYLES, MARKERS, save, styled
from vita.report.runs.run_folders import SeedRun, runs_of_row
from vita.report.tables.inputs import read_runs

MEASURED = "validation_AP"
COLUMNS = ("curve", "step", "AP_mean", "AP_std", "n", "seeds", "videos", "evidence", "note")

FEWEST = 3  # seeds for a band: two tell no deviation
_HEIGHT_INCHES = 2.7
_KILO_FROM = 10_000  # iterations, from where an axis counts in thousands


@dataclass(frozen=True)
class Curve:
    """One row of the figure.

    points: AP in points by step (index) and seed (columns), NaN where a run has none; empty without any run.
    videos: number of validation videos behind each AP.  notes: what is missing, and why.
    """

    name: str
    points: pd.DataFrame
    videos: int | None
    evidence: tuple[Path, ...]
    notes: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """step, AP_mean, AP_std, n. The deviation is that of a sample: none from one seed."""
        steps = self.points.index
        values = {"AP_mean": self.points.mean(axis=1), "AP_std": self.points.std(axis=1, ddof=1)}
        return pd.DataFrame({"step": steps, **values, "n": self.points.notna().sum(axis=1)})


def build_convergence(spec_file: Path, runs_csv: Path, out: Path) -> list[str]:
    """Write `out` as .pdf, .png and .csv; give what the reader must be told: runs that failed, curves without any.

    Raises UserError when no run was validated while it trained, naming the key that asks for it.
    """
    spec = load(TableSpec, spec_file)
    runs = read_runs(runs_csv)
    curves = [read_curve(row, runs_of_row(row, spec.tier, runs)) for row in spec.rows]
    if all(curve.points.empty for curve in curves):
        notes = "; ".join(note for curve in curves for note in curve.notes)
        raise UserError(
            f"{runs_csv}: no run of '{spec.name}' was validated while it trained ({notes}). Set `validate_every` in "
            f"the schedule that its runs use, in the file of the tier '{spec.tier}', and train again"
        )
    draw_curves(curves, out)
    write_text(out.with_suffix(".csv"), csv_text(curves_frame(curves), float_format="%.4f"))
    return [f"{curve.name}: {note}" for curve in curves for note in curve.notes]


def read_curve(row: ResolvedRow, runs: Sequence[SeedRun]) -> Curve:
    """The histories of a row's runs. Raises UserError when runs were validated on different numbers of videos."""
    name = ", ".join(str(cell) for cell in row.key.values())
    series, evidence, notes, videos = {}, [], [row.not_run] if row.not_run else [], set()
    for run in runs:
        path = run.folder / "history.csv"
        measured = _measured(path) if path.exists() else None
        if measured is None:
            notes.append(run.why_missing(f"`{MEASURED}` in history.csv" if path.exists() else "history.csv"))
            continue
        series[run.seed] = measured
        evidence.append(path)
        videos.add(_validation_videos(run))
    notes += [f"seed {seed}: no run listed" for seed in row.seeds if seed not in {run.seed for run in runs}]
    if len(videos) > 1:
        raise UserError(f"{name}: runs were validated on different numbers of videos: {sorted(videos)}; train all anew")
    points = pd.DataFrame(series).sort_index() if series else pd.DataFrame()
    return Curve(name, points, videos.pop() if videos else None, tuple(evidence), tuple(notes))


def _measured(history: Path) -> pd.Series | None:
    """AP by step; None when the run was never validated."""
    rows = read_history(history)
    if MEASURED not in rows or rows[MEASURED].isna().all():
        return None
    return rows.dropna(subset=MEASURED).set_index("step")[MEASURED]


def _validation_videos(run: SeedRun) -> int:
    asked = run.config().train.validate_videos
    return asked if run.scored_videos is None else min(asked, run.scored_videos)


def curves_frame(curves: Sequence[Curve]) -> pd.DataFrame:
    """A line for every point of every curve, and one without a point for a curve that has no run."""
    parts = []
    for curve in curves:
        summary = pd.DataFrame([{"n": 0}]) if curve.points.empty else curve.summary()
        seeds = " ".join(str(seed) for seed in curve.points)
        evidence = " ".join(path.as_posix() for path in curve.evidence)
        about = {"curve": curve.name, "seeds": seeds, "videos": curve.videos, "evidence": evidence}
        parts.append(summary.assign(**about, note="; ".join(curve.notes)))
    frame = pd.concat([part.reindex(columns=list(COLUMNS)).astype(object) for part in parts])
    return frame.astype({"step": "Int64", "n": "Int64", "videos": "Int64", "AP_mean": float, "AP_std": float})


def draw_curves(curves: Sequence[Curve], out: Path) -> None:
    """As wide as a column. The legend names a curve without a run too, and says so."""
    with styled():
        figure = Figure(figsize=(COLUMN_INCHES, _HEIGHT_INCHES), layout="constrained")
        axes = figure.add_subplot()
        for number, curve in enumerate(curves):
            if curve.points.empty:
                axes.plot([], linestyle="none", label=f"{curve.name}: no run")
            else:
                _draw_curve(axes, curve, number)
        _label_axes(axes, curves)
        figure.legend(loc="outside upper left", title=_legend_title(curves), alignment="left")
        save(figure, out)


def _draw_curve(axes: Axes, curve: Curve, number: int) -> None:
    summary = curve.summary()
    colour = COLOURS[number % len(COLOURS)]
    axes.plot(
        summary["step"],
        summary["AP_mean"],
        color=colour,
        linestyle=LINE_STYLES[number % len(LINE_STYLES)],
        marker=MARKERS[number % len(MARKERS)],
        label=f"{curve.name}, n = {_span(summary['n'].tolist())}",
    )
    spread = summary[summary["n"] >= FEWEST]
    if len(spread):
        low, high = spread["AP_mean"] - spread["AP_std"], spread["AP_mean"] + spread["AP_std"]
        axes.fill_between(spread["step"], low, high, color=colour, alpha=0.18, linewidth=0)
    elif len(curve.points.columns) > 1:
        for seed in curve.points:
            axes.plot(curve.points[seed].dropna(), color=colour, linewidth=0.5, alpha=0.7)


def _legend_title(curves: Sequence[Curve]) -> str:
    """What is drawn of how far seeds lie apart."""
    most = max(len(curve.points.columns) for curve in curves)
    if most >= FEWEST:
        return f"mean over n seeds; bands: ± standard deviation, from {FEWEST} seeds on"
    return f"mean over n seeds, thin: each seed (no bands: they take {FEWEST})" if most > 1 else "one seed each"


def _span(numbers: Sequence[int]) -> str:
    """Of numbers that are mostly the same."""
    low, high = min(numbers), max(numbers)
    return str(low) if low == high else f"{low} to {high}"


def _label_axes(axes: Axes, curves: Sequence[Curve]) -> None:
    videos = [curve.videos for curve in curves if curve.videos is not None]
    axes.set_ylabel(f"AP on {_span(videos)} validation videos")
    axes.set_xlabel("training iterations")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=max(0.0, axes.get_ylim()[0]))
    if axes.get_xlim()[1] >= _KILO_FROM:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step / 1000:g}k"))
    axes.grid(True)
