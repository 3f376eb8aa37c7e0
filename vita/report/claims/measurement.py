"""What is known of a claim's quantity: a value with its interval, and on which side of a threshold it lies.

Legend: S trainings (seeds) of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from vita.evaluation.bootstrap import LEVEL
from vita.evaluation.main_scores import SCORE_NAMES
from vita.report.tables.row_statistics import RowDifference, RowScores, compare

Side = Literal["above", "below", "unclear"]

FEWEST_SEEDS = 3  # for an interval over seeds of a score


@dataclass(frozen=True)
class Measurement:
    """value, low, high: low and high are None where there is no interval.

    side: of a threshold on which the quantity lies, "unclear" where its interval or too few trainings leave it open.
    seeds: trainings of the row that has the fewest, None where none are behind it.  basis: what the interval is over.
    predicted: not measured at all, so that nothing is decided by it.  of: what it is of, where a claim has several.
    """

    value: float
    low: float | None
    high: float | None
    side: Callable[[float], Side]
    seeds: int | None
    basis: str
    predicted: bool = False
    of: str = ""
    dataset: str = ""
    evidence: tuple[str, ...] = ()


def exact(value: float, basis: str) -> Measurement:
    """A count, which has no spread."""
    return range_of_counts(value, value, value, basis)


def range_of_counts(value: float, low: float, high: float, basis: str) -> Measurement:
    """A count of which only a range is known for certain."""
    return Measurement(value, low, high, partial(_side_of_interval, low, high), None, basis)


def mean_of_seeds(scores: NDArray[np.float64]) -> Measurement:
    """Mean of the scores (S,) with the t interval over seeds, from three on."""
    mean, seeds = float(scores.mean()), len(scores)
    if seeds < FEWEST_SEEDS:
        return _without_interval(mean, seeds)
    half = _half_width(scores.var(ddof=1) / seeds, seeds - 1)
    return _with_interval(mean, half, seeds, f"{LEVEL:.0%} t interval over {seeds} trainings")


def difference_of_means(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Measurement:
    """Mean of `ours` (S,) less that of `theirs` (S',), of different trainings, with a t interval from three each.

    Its degrees of freedom are those of the smaller group: whatever the two variances, it is never too narrow for
    scores with a normal distribution.
    """
    difference, seeds = float(ours.mean() - theirs.mean()), min(len(ours), len(theirs))
    if seeds < FEWEST_SEEDS:
        return _without_interval(difference, seeds)
    variance = ours.var(ddof=1) / len(ours) + theirs.var(ddof=1) / len(theirs)
    basis = f"{LEVEL:.0%} t interval over {len(ours)} and {len(theirs)} trainings"
    return _with_interval(difference, _half_width(variance, seeds - 1), seeds, basis)


def paired_difference(ours: RowScores, theirs: RowScores, score: str) -> Measurement | None:
    """`compare` of one score, its interval held against every threshold; None on different videos."""
    found = compare(ours, theirs).get(score.lower())
    if found is None:
        return None
    seeds, basis = min(len(ours.weights), len(theirs.weights)), _basis_of_pairs(ours, theirs, found)
    low, high = (None, None) if not found.sources else (found.found.low, found.found.high)
    side = partial(_side_of_interval, found.found.low, found.found.high) if found.decides else _never_clear
    return Measurement(found.found.score, low, high, side, seeds, basis)


def beyond(row: RowScores, score: str) -> RowScores:
    """Every score less that one: a difference of two rows is then of how much more the others changed."""
    column = [SCORE_NAMES.index(score.lower())]
    return replace(row, observed=row.observed - row.observed[:, column], drawn=row.drawn - row.drawn[:, :, column])


def _basis_of_pairs(ours: RowScores, theirs: RowScores, found: RowDifference) -> str:
    if not found.sources:
        return "one video, which says nothing of others"
    videos, trainings = f"{LEVEL:.0%} interval over {ours.videos_that_count} videos", _trainings(len(ours.weights))
    if found.decides:
        return f"{videos}, of {trainings}" if len(found.sources) == 1 else f"{videos} and {trainings}"
    return f"{videos}; one training each, whose chance is not in the interval"


def _side_of_interval(low: float, high: float, threshold: float) -> Side:
    if low > threshold:
        return "above"
    return "below" if high < threshold else "unclear"


def _without_interval(value: float, seeds: int) -> Measurement:
    basis = f"{_trainings(seeds)}; an interval over trainings needs {FEWEST_SEEDS}"
    return Measurement(value, None, None, _never_clear, seeds, basis)


def _with_interval(value: float, half: float, seeds: int, basis: str) -> Measurement:
    low, high = value - half, value + half
    return Measurement(value, low, high, partial(_side_of_interval, low, high), seeds, basis)


def _half_width(variance: float, freedom: int) -> float:
    return float(student.ppf(0.5 + LEVEL / 2, freedom) * np.sqrt(variance))


def _never_clear(threshold: float) -> Side:
    return "unclear"


def _trainings(count: int) -> str:
    return "1 training" if count == 1 else f"{count} trainings"
