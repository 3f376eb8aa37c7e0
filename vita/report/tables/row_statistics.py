"""Scores of a table's rows under resampling: intervals of their means over seeds, and differences between rows.

The videos are drawn anew, the same draws for all rows on the same videos, so that differences are paired. From three
seeds on the seeds are drawn anew too; with fewer that tells nothing, and a difference must also exceed what so few
trainings may differ by.

Legend: S seeds, B draws; five main scores, in points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from vita.core.contract import UserError
from vita.core.records import MetricsRecord, read_record
from vita.evaluation.bootstrap import (
    DRAWS,
    LEVEL,
    Difference,
    Interval,
    difference_of_draws,
    reflected,
    resampled_scores,
)
from vita.evaluation.counts import Counts
from vita.evaluation.resampled_scores import SCORE_NAMES

SEEDS_TO_DRAW = 3  # from so many on, seeds are drawn anew as well as videos

_SEED_OF_DRAWS = 0

Verdict = Literal["higher", "lower", "inside the noise", "one training each"]


@dataclass(frozen=True)
class RowScores:
    """What a row's runs scored. weights: the folder of each seed's run."""

    weights: tuple[str, ...]
    videos: tuple[int, ...]
    observed: NDArray[np.float64]  # (S, 5)
    drawn: NDArray[np.float64]  # (S, B, 5)


@dataclass(frozen=True)
class RowDifference:
    """A row's mean less the reference's. `found.score`, `low` and `high` are points."""

    found: Difference
    verdict: Verdict


def read_row_scores(runs: Sequence[tuple[str, Path]]) -> RowScores:
    """runs: the folder and the metrics file of each seed. Raises UserError naming a file without counts."""
    parts = [_of_file(path) for _, path in runs]
    if len({videos for videos, _, _ in parts}) > 1:
        raise UserError(f"{runs[0][1]} and {runs[1][1]} are of different videos; evaluate both on the same")
    observed, drawn = np.stack([part[1] for part in parts]), np.stack([part[2] for part in parts])
    return RowScores(tuple(folder for folder, _ in runs), parts[0][0], observed, drawn)


def mean_intervals(row: RowScores) -> dict[str, Interval]:
    """Of the mean over seeds of each main score, by its name ("ap", ...); none where there is no ground truth."""
    drawn = _mean_over_seeds(row.drawn, _draws_of_seeds(row, 0))
    means = row.observed.mean(axis=0)
    found = {name: _reflected(means[k], drawn[:, k]) for k, name in enumerate(SCORE_NAMES)}
    return {name: interval for name, interval in found.items() if interval is not None}


def compare(row: RowScores, reference: RowScores) -> dict[str, RowDifference]:
    """Differences of the means, with what may be said of them. Empty when the two were scored on different videos."""
    if row.videos != reference.videos:
        return {}
    same = row.weights == reference.weights
    ours = _mean_over_seeds(row.drawn, _draws_of_seeds(row, 0))
    theirs = _mean_over_seeds(reference.drawn, _draws_of_seeds(reference, 0 if same else 1))
    means = row.observed.mean(axis=0) - reference.observed.mean(axis=0)
    differences = {}
    for k, name in enumerate(SCORE_NAMES):
        values = (ours - theirs)[:, k]
        values = values[~np.isnan(values)]
        if values.size and not np.isnan(means[k]):
            found = difference_of_draws(float(means[k]), values)
            verdict = _verdict(found, row.observed[:, k], reference.observed[:, k], same)
            differences[name] = RowDifference(found, verdict)
    return differences


def _verdict(found: Difference, ours: NDArray[np.float64], theirs: NDArray[np.float64], same: bool) -> Verdict:
    """ours, theirs: (S,) the score of each seed; same: of the same weights, predicted in two ways."""
    if not same and len(ours) == len(theirs) == 1:
        return "one training each"
    few = min(len(ours), len(theirs)) < SEEDS_TO_DRAW
    above = found.low > 0 and not (few and found.score <= _least(found.score - found.low, ours, theirs, same))
    below = found.high < 0 and not (few and -found.score <= _least(found.high - found.score, ours, theirs, same))
    return "higher" if above else "lower" if below else "inside the noise"


def _least(of_videos: float, ours: NDArray[np.float64], theirs: NDArray[np.float64], same: bool) -> float:
    """What a difference of few seeds must exceed. of_videos: half of its interval over the videos.

    Of the same weights, all seeds must agree. Of different trainings, half of the t interval over seeds is added,
    in quadrature: with two trainings on either side, agreement alone comes about by chance in one of three cases.
    """
    if same:
        differences = ours - theirs
        return of_videos if (differences > 0).all() or (differences < 0).all() else np.inf
    freedom = len(ours) + len(theirs) - 2
    pooled = (((ours - ours.mean()) ** 2).sum() + ((theirs - theirs.mean()) ** 2).sum()) / freedom
    of_seeds = student.ppf(0.5 + LEVEL / 2, freedom) * np.sqrt(pooled * (1 / len(ours) + 1 / len(theirs)))
    return float(np.hypot(of_videos, of_seeds))


def _draws_of_seeds(row: RowScores, stream: int) -> NDArray[np.int64] | None:
    """(B, S) numbers of seeds in each draw; None when there are too few."""
    seeds, draws, _ = row.drawn.shape
    if seeds < SEEDS_TO_DRAW:
        return None
    return np.random.default_rng((_SEED_OF_DRAWS, 1 + stream)).integers(seeds, size=(draws, seeds))


def _mean_over_seeds(drawn: NDArray[np.float64], seeds: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """(S, B, 5) -> (B, 5)."""
    if seeds is None:
        return drawn.mean(axis=0)
    chosen = np.take_along_axis(drawn.transpose(1, 0, 2), seeds[:, :, None], axis=1)
    return chosen.mean(axis=1)


def _reflected(mean: float, drawn: NDArray[np.float64]) -> Interval | None:
    defined = drawn[~np.isnan(drawn)]
    return reflected(float(mean), defined, highest=100.0) if defined.size and not np.isnan(mean) else None


@cache
def _of_file(path: Path) -> tuple[tuple[int, ...], NDArray[np.float64], NDArray[np.float64]]:
    """The videos, the main scores (5,) and their draws (B, 5), in points."""
    counts = Counts.from_json(read_record(MetricsRecord, path).counts)
    found = resampled_scores([counts], DRAWS, _SEED_OF_DRAWS)
    return counts.video_ids, 100 * found.observed[0], 100 * found.drawn[0]
