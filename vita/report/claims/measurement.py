"""What is known of a claim's quantity: a value with its interval, and on which side of a threshold it lies.

Legend: S trainings (seeds) of a row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vita.evaluation.bootstrap import LEVEL
from vita.evaluation.main_scores import SCORE_NAMES
from vita.report.tables.chance import Chance
from vita.report.tables.row_statistics import RowDifference, RowScores, compare

Side = Literal["above", "below", "unclear"]

FEWEST_SEEDS = 3  # for an interval over seeds of a score


@dataclass(frozen=True)
class Measurement:
    """value, low, high: low and high are None where there is no interval.

    seeds: trainings of the row that has the fewest, None where none are behind it.  basis: what the interval is over.
    decides: whether the interval may decide anything.  predicted: not measured at all, so that nothing is decided.
    of: what it is of, where a claim has several.
    """

    value: float
    low: float | None
    high: float | None
    seeds: int | None
    basis: str
    decides: bool = True
    predicted: bool = False
    of: str = ""
    dataset: str = ""
    evidence: tuple[str, ...] = ()

    def side(self, threshold: float) -> Side:
        """Where the quantity lies; "unclear" where its interval, or the lack of one, leaves that open."""
        if not self.decides or self.low is None or self.high is None:
            return "unclear"
        if self.low > threshold:
            return "above"
        return "below" if self.high < threshold else "unclear"


def exact(value: float, basis: str) -> Measurement:
    """A count, which has no spread."""
    return Measurement(value, value, value, None, basis)


def mean_of_seeds(scores: NDArray[np.float64]) -> Measurement:
    """Mean of the scores (S,) with the t interval over seeds, from three on."""
    return _over_trainings(float(scores.mean()), scores)


def difference_of_means(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> Measurement:
    """Mean of `ours` (S,) less that of `theirs` (S',), of different trainings, with a t interval from three each."""
    return _over_trainings(float(ours.mean() - theirs.mean()), ours, theirs)


def _over_trainings(value: float, *groups: NDArray[np.float64]) -> Measurement:
    """Degrees of freedom are those of the smallest group: whatever the variances, they are never too many."""
    counts = [len(group) for group in groups]
    seeds = min(counts)
    if seeds < FEWEST_SEEDS:
        return Measurement(
            value, None, None, seeds, f"{_trainings(seeds)}; an interval over trainings needs {FEWEST_SEEDS}"
        )
    error = sum(group.var(ddof=1) / len(group) for group in groups) ** 0.5
    half = Chance(float(error), seeds - 1).half()
    basis = f"{LEVEL:.0%} t interval over {' and '.join(map(str, counts))} trainings"
    return Measurement(value, value - half, value + half, seeds, basis)


def paired_difference(ours: RowScores, theirs: RowScores, score: str) -> Measurement | None:
    """`compare` of one score, its interval held against every threshold; None on different videos."""
    found = compare(ours, theirs, score.lower())
    if found is None:
        return None
    seeds, basis = min(len(ours.weights), len(theirs.weights)), _basis_of_pairs(ours, theirs, found)
    low, high = (None, None) if not found.sources else (found.found.low, found.found.high)
    return Measurement(found.found.score, low, high, seeds, basis, found.decides)


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


def _trainings(count: int) -> str:
    return "1 training" if count == 1 else f"{count} trainings"
