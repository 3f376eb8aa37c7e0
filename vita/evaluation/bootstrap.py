"""Intervals of the main scores by bootstrap: the videos are drawn anew, with replacement, as often as there are.

Videos are the unit because objects of one video stand and fall together. A category that no drawn video shows is left
out of that draw's means, as the official evaluator leaves out categories without ground truth.

AP of few objects is too high on average, and a draw, which shows fewer different objects, is too high once more. So
the interval of a score is the percentiles of the draws reflected at the score (the basic bootstrap interval), which
takes this out; in a difference it cancels, and the interval is the percentiles themselves. docs/evaluation.md tells
how often each holds the truth.

Legend: B draws, V videos.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from vita.core.contract import UserError
from vita.core.records import FurtherValue
from vita.evaluation.average_precision import or_null
from vita.evaluation.counts import Counts, Floats, Int64s
from vita.evaluation.main_scores import SCORE_NAMES
from vita.evaluation.resampled_scores import WeightedScores

LEVEL = 0.95
DRAWS = 1000
FEWEST_VIDEOS = 2  # with an object; one alone says nothing of others

_MOST_WEIGHTS = 2_000_000  # of one block of draws: 16 MB
_PERCENTILES = (50 * (1 - LEVEL), 50 * (1 + LEVEL))


@dataclass(frozen=True)
class Interval:
    """A score, or a difference of scores, as a fraction, and its interval."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """above, below: share of the draws in which the difference is over or under 0.

    p: two-sided; twice the smaller share of draws on or beyond 0, the observed data counted as one more draw.
    """

    above: float
    below: float
    p: float


@dataclass(frozen=True)
class Bootstrap:
    """intervals: of each main score, or of each difference; none where fewer than two videos show an object."""

    intervals: dict[str, Interval]
    draws: int
    seed: int


def videos_with_objects(counts: Counts) -> int:
    """How many videos have an object to be found."""
    return len({group.video_id for group in counts.groups if group.ground_truth})


def draw_weights(videos: int, draws: int, random: np.random.Generator) -> Int64s:
    """(B, V) how often each draw has each video."""
    shares = np.full(videos, 1 / max(1, videos))
    return random.multinomial(videos, shares, size=draws) if videos else np.zeros((draws, 0), np.int64)


def bootstrap(counts: Counts, draws: int = DRAWS, seed: int = 0) -> Bootstrap:
    """Intervals of the main scores. Raises UserError when draws < 2."""
    (observed,), (drawn,) = resampled_scores([counts], draws, seed)
    return Bootstrap(_intervals(observed, drawn, counts, reflected), draws, seed)


def paired_bootstrap(counts: Counts, against: Counts, draws: int = DRAWS, seed: int = 0) -> Bootstrap:
    """Differences of the main scores, those of `counts` less those of `against`, from the same draws for both.

    Raises UserError when they are not of the same videos and categories, or draws < 2.
    """
    if (counts.video_ids, counts.category_ids) != (against.video_ids, against.category_ids):
        raise UserError("only results on the same videos and categories can be compared; evaluate both on one file")
    (ours, theirs), (drawn, by_theirs) = resampled_scores([counts, against], draws, seed)
    return Bootstrap(_intervals(ours - theirs, drawn - by_theirs, counts, difference_of_draws), draws, seed)


def _intervals(
    observed: Floats, drawn: Floats, counts: Counts, interval: Callable[[float, Floats], Interval]
) -> dict[str, Interval]:
    """Of each score (5) from its draws (B, 5), without those that have no ground truth at all."""
    if videos_with_objects(counts) < FEWEST_VIDEOS:
        return {}
    columns = zip(SCORE_NAMES, observed.tolist(), drawn.T, strict=True)
    defined = [(name, score, values[~np.isnan(values)]) for name, score, values in columns]
    return {name: interval(score, values) for name, score, values in defined if values.size}


def resampled_scores(results: list[Counts], draws: int, seed: int) -> tuple[Floats, Floats]:
    """The C main scores of N results on the data as they are (N, C), and on each draw (N, B, C), the same for all.

    Raises UserError when draws < 2.
    """
    videos = len(results[0].video_ids)
    scorers = [WeightedScores(counts) for counts in results]
    observed = np.stack([scorer.of(np.ones((1, videos)))[0] for scorer in scorers])
    parts = [np.stack([scorer.of(weights) for scorer in scorers]) for weights in drawn_weights(videos, draws, seed)]
    return observed, np.concatenate(parts, axis=1)


def drawn_weights(videos: int, draws: int, seed: int) -> Iterator[Int64s]:
    """The draws of `draw_weights` in blocks, which bounds the memory: all scores of one seed see the same ones.

    Raises UserError when draws < 2.
    """
    if draws < 2:
        raise UserError(f"{draws} draws give no interval; ask for at least 2 (1000 are usual), or 0 for none at all")
    random = np.random.default_rng(seed)
    block = max(1, _MOST_WEIGHTS // max(1, videos))
    for first in range(0, draws, block):
        yield draw_weights(videos, min(block, draws - first), random)


def reflected(score: float, drawn: Floats, highest: float = 1.0) -> Interval:
    """The interval of a score between 0 and `highest` from its draws (B,), none of them NaN."""
    low, high = _percentiles(drawn)
    return Interval(score, max(0.0, 2 * score - high), min(highest, 2 * score - low))


def further_value(score: float | None, interval: Interval | None) -> FurtherValue:
    """As records hold it, a fraction; null for None and without ground truth."""
    found = None if score is None else or_null(score)
    return (
        FurtherValue(score=found)
        if interval is None
        else FurtherValue(score=found, low=interval.low, high=interval.high)
    )


def difference_of_draws(score: float, drawn: Floats) -> Difference:
    """The interval of a difference from its draws (B,), none of them NaN."""
    on_either_side = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    p = min(1.0, 2 * (1 + on_either_side) / (1 + drawn.size))
    return Difference(score, *_percentiles(drawn), float(np.mean(drawn > 0)), float(np.mean(drawn < 0)), p)


def _percentiles(drawn: Floats) -> tuple[float, float]:
    low, high = np.percentile(drawn, _PERCENTILES)
    return float(low), float(high)
