"""How much faster one method learns: the area between two curves of validation AP.

The measure of a training is its mean AP over the course, between the first and the last step that all trainings of
both rows were validated at or between; curves are straight between their points. The area between two rows is the
difference of the means of that measure. It asks for no threshold of AP, and uses every point.

A row whose schedule is shorter ends earlier: only what both have counts.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from vita.experiments.config import ResolvedRow
from vita.report.claims.measurement import Measurement, difference_of_means
from vita.report.claims.rows import CannotTellError, ResultsTable, named
from vita.report.figures.convergence import Curve, read_curve
from vita.report.runs.run_folders import runs_of_row


def area_between(table: ResultsTable, ours: ResolvedRow, theirs: ResolvedRow) -> Measurement:
    """Mean validation AP of `ours` less that of `theirs`, in points. Raises CannotTellError without a common range."""
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
