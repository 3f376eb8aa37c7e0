"""From a claim's quantity to what was measured of it, on the tables in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vita.core.contract import UserError
from vita.experiments.config import Key, ResolvedRow
from vita.experiments.paper_numbers import published_file
from vita.report.claims.frame_counts import frames_that_fit
from vita.report.claims.measurement import (
    Measurement,
    beyond,
    difference_of_means,
    exact,
    mean_of_seeds,
    paired_difference,
)
from vita.report.claims.rows import CannotTellError, ResultsTable, ScoredRow, find_row, named, scored_row
from vita.report.claims.schema import (
    Convergence,
    Differences,
    Frames,
    LeadOverPublished,
    Parameters,
    PublishedRows,
    Quantity,
    Scope,
    Score,
    ScoreOfRow,
    Steps,
)
from vita.report.figures.convergence import Curve, read_curve
from vita.report.runs.probe_records import Probe
from vita.report.runs.run_folders import runs_of_row
from vita.report.tables.row_statistics import read_row_scores


@dataclass(frozen=True)
class Results:
    """What is in force. models: the lines of `vita models`, by (method, backbone).  probes: of the number of frames."""

    tables: dict[str, ResultsTable]
    models: pd.DataFrame
    models_file: Path
    probes: Sequence[Probe] = ()


@singledispatch
def measure(quantity: Quantity, results: Results, scope: Scope) -> list[Measurement]:
    """Every part that the predicate is asked of. Raises CannotTellError, saying what is missing."""
    raise TypeError(f"no way to measure a {type(quantity).__name__}")


@measure.register
def _(quantity: ScoreOfRow, results: Results, scope: Scope) -> list[Measurement]:
    row = scored_row(results.tables, quantity.table, quantity.row, scope)
    return [_of_row(mean_of_seeds(_scores(row, quantity.score)), row)]


@measure.register
def _(quantity: LeadOverPublished, results: Results, scope: Scope) -> list[Measurement]:
    row = scored_row(results.tables, quantity.table, quantity.row, scope)
    highest, whose = highest_published(quantity.over, quantity.score)
    found = mean_of_seeds(_scores(row, quantity.score) - highest)
    found = replace(found, basis=f"over the published {highest:g} of {whose}; {found.basis}")
    return [_of_row(found, row, quantity.over.file)]


@measure.register
def _(quantity: Differences, results: Results, scope: Scope) -> list[Measurement]:
    pairs = [(quantity.row, other) for other in quantity.against]
    return [_difference(results, quantity, pair, scope, quantity.beyond) for pair in pairs]


@measure.register
def _(quantity: Steps, results: Results, scope: Scope) -> list[Measurement]:
    return [_difference(results, quantity, (later, earlier), scope) for earlier, later in pairwise(quantity.rows)]


@measure.register
def _(quantity: Convergence, results: Results, scope: Scope) -> list[Measurement]:
    keys = (quantity.row, quantity.against)
    ours, theirs = (find_row(results.tables, quantity.table, key, scope) for key in keys)
    return [area_between(results.tables[quantity.table], ours, theirs)]


@measure.register
def _(quantity: Parameters, results: Results, scope: Scope) -> list[Measurement]:
    models = results.models
    line = models[(models["method"] == quantity.method) & (models["backbone"] == quantity.backbone)]
    if line.empty or line[quantity.column].isna().all():
        lacking = f"{quantity.column} of {quantity.method} on {quantity.backbone}"
        raise CannotTellError("not run", f"{results.models_file} has no {lacking}")
    found = exact(float(line[quantity.column].iloc[0]), "counted on the released model; no data is needed")
    return [replace(found, evidence=(results.models_file.as_posix(),))]


@measure.register
def _(quantity: Frames, results: Results, scope: Scope) -> list[Measurement]:
    return [frames_that_fit(results.probes, quantity)]


def highest_published(rows: PublishedRows, score: Score) -> tuple[float, str]:
    """The highest score that others published, and whose it is. Raises UserError when there is no such row."""
    published = pd.read_csv(published_file(rows.file), dtype=dict.fromkeys(rows.where, str))
    unknown = sorted({*rows.where, "method", score} - set(published))
    if unknown:
        raise UserError(
            f"published file {rows.file} has no column '{unknown[0]}'; it has {', '.join(published.columns)}"
        )
    lines = [line for line in published.to_dict("records") if line["method"] not in rows.without]
    lines = [line for line in lines if all(line[name] == cell for name, cell in rows.where.items())]
    best = max((line for line in lines if line[score] == line[score]), key=lambda line: line[score], default=None)
    if best is None:
        raise UserError(f"published file {rows.file} has no {score} of another method with {rows.where}")
    return float(best[score]), ", ".join(str(best[name]) for name in ("method", "backbone") if name in best)


def _difference(
    results: Results,
    quantity: Differences | Steps,
    pair: tuple[Key, Key],
    scope: Scope,
    other: Score | None = None,
) -> Measurement:
    ours, theirs = (scored_row(results.tables, quantity.table, key, scope) for key in pair)
    where = f"{named(pair[0])} less {named(pair[1])}"
    found = None
    if ours.by_server and theirs.by_server:
        found = _of_scores(ours, theirs, quantity.score, other)
    elif not ours.by_server and not theirs.by_server:
        found = _of_counts(ours, theirs, quantity.score, other)
    if found is None:
        raise CannotTellError("inconclusive", f"{quantity.table}, {where}: scored on different videos")
    return _of_row(replace(found, of=where), ours, *theirs.evidence)


def _of_counts(ours: ScoredRow, theirs: ScoredRow, score: Score, other: Score | None) -> Measurement | None:
    rows = [read_row_scores(row.metrics) for row in (ours, theirs)]
    if other is not None:
        rows = [beyond(row, other) for row in rows]
    return paired_difference(rows[0], rows[1], score)


def _of_scores(ours: ScoredRow, theirs: ScoredRow, score: Score, other: Score | None) -> Measurement:
    """Where a server scored both, there are no videos to draw: the interval is over trainings."""
    values = [_scores(row, score) - (_scores(row, other) if other else 0.0) for row in (ours, theirs)]
    return difference_of_means(values[0], values[1])


def _scores(row: ScoredRow, score: Score) -> NDArray[np.float64]:
    return row.runs[score].to_numpy(float)


def _of_row(found: Measurement, row: ScoredRow, *evidence: str) -> Measurement:
    failed = f"; failed trainings: {row.failed}" if row.failed else ""
    files = tuple(dict.fromkeys((*row.evidence, *evidence)))
    return replace(found, basis=found.basis + failed, dataset=row.row.dataset, evidence=files)


def area_between(table: ResultsTable, ours: ResolvedRow, theirs: ResolvedRow) -> Measurement:
    """How much faster one row learns: its mean validation AP over training less that of `theirs`, in points.

    The mean of a training is the area under its curve, straight between its points, from the first to the last step
    that all trainings of both rows were validated at or between; so a shorter schedule ends the comparison. It asks for
    no threshold of AP, and uses every point. Raises CannotTellError where the curves have no common range.
    """
    curves = [_curve(table, row) for row in (ours, theirs)]
    videos = [curve.videos for curve in curves]
    if videos[0] != videos[1]:
        raise CannotTellError("inconclusive", f"{table.spec.name}: validated on {videos[0]} and {videos[1]} videos")
    first, last = common_steps([curve.points for curve in curves])
    if first >= last:
        raise CannotTellError("inconclusive", f"{table.spec.name}: the curves have no common range of steps")
    areas = [np.array([mean_height(one, first, last) for _, one in curve.points.items()]) for curve in curves]
    found = difference_of_means(areas[0], areas[1])
    evidence = tuple(path.as_posix() for curve in curves for path in curve.evidence)
    notes = [note for curve in curves for note in curve.notes]
    basis = "; ".join([found.basis, f"steps {first:g} to {last:g}", *notes])
    of = f"{named(ours.key)} less {named(theirs.key)}"
    return replace(found, basis=basis, of=of, dataset=ours.dataset, evidence=evidence)


def common_steps(curves: list[pd.DataFrame]) -> tuple[float, float]:
    """The first and last step that every training (a column) of every curve reaches."""
    columns = [one.dropna().index for curve in curves for _, one in curve.items()]
    return max(steps[0] for steps in columns), min(steps[-1] for steps in columns)


def mean_height(curve: pd.Series, first: float, last: float) -> float:
    """Of a curve by step, straight between its points, from `first` to `last`."""
    points = curve.dropna()
    steps = points.index.to_numpy(float)
    inside = steps[(steps > first) & (steps < last)]
    corners = np.array([first, *inside, last])
    heights = np.interp(corners, steps, points.to_numpy(float))
    return float(np.trapezoid(heights, corners) / (last - first))


def _curve(table: ResultsTable, row: ResolvedRow) -> Curve:
    curve = read_curve(row, runs_of_row(row, table.spec.tier, table.runs))
    if curve.points.empty:
        raise CannotTellError("not run", f"{table.spec.name}, row {named(row.key)}: {'; '.join(curve.notes)}")
    return curve
