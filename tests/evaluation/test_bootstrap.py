from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom
from simulated_results import data_set, population

from vita.core.contract import UserError
from vita.evaluation.bootstrap import (
    LEVEL,
    Bootstrap,
    Difference,
    Interval,
    bootstrap,
    draw_weights,
    paired_bootstrap,
    resampled_scores,
)
from vita.evaluation.counts import Counts, GroupCounts
from vita.evaluation.resampled_scores import WeightedScores

CATEGORIES, POOL = 8, 3000


def one_video(identity: int, found: bool) -> GroupCounts:
    outcome = np.full((10, 1), found)
    return GroupCounts(identity, 1, 1, np.array([0.5]), outcome, np.zeros_like(outcome))


def found_in(*videos: int, of: int) -> Counts:
    """One object a video, found in these videos and missed, by a wrong detection of the same score, in the others."""
    return Counts(tuple(range(of)), (1,), tuple(one_video(key, key in videos) for key in range(of)))


def test_a_draw_has_as_many_videos_as_there_are() -> None:
    weights = draw_weights(7, 50, np.random.default_rng(0))
    assert weights.shape == (50, 7) and (weights.sum(axis=1) == 7).all() and (weights > 1).any()


def test_recall_of_independent_videos_has_the_binomial_interval() -> None:
    # AR10 is the share of 100 videos in which the object is found, 60 of them: a draw's count is binomial(100, 0.6).
    interval = bootstrap(found_in(*range(60), of=100), draws=20_000).intervals["ar10"]
    low, high = binom.ppf([0.025, 0.975], 100, 0.6) / 100
    assert interval.score == pytest.approx(0.6)
    assert (interval.low, interval.high) == pytest.approx((1.2 - high, 1.2 - low), abs=0.0101)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    counts = found_in(0, 2, 5, of=9)
    assert bootstrap(counts, 50, seed=3) == bootstrap(counts, 50, seed=3)
    assert bootstrap(counts, 50, seed=3) != bootstrap(counts, 50, seed=4)


def test_blocks_of_draws_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = found_in(0, 2, 5, of=9)
    whole = bootstrap(counts, 50)
    monkeypatch.setattr("vita.evaluation.bootstrap._MOST_WEIGHTS", 9 * 7)
    assert bootstrap(counts, 50) == whole


def test_no_ground_truth_has_no_interval() -> None:
    assert bootstrap(Counts((1, 2), (1,), ()), 10).intervals == {}
    assert bootstrap(Counts((), (), ()), 10).intervals == {}


def test_a_draw_without_any_object_is_left_out() -> None:
    # Two of four videos have an object: a sixteenth of the draws has none, all others find all.
    interval = bootstrap(Counts((1, 2, 3, 4), (1,), (one_video(1, True), one_video(2, True))), 100).intervals["ap"]
    assert (interval.score, interval.low, interval.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("videos", [(1,), (1, 2)])
def test_one_video_with_an_object_has_no_interval(videos: tuple[int, ...]) -> None:
    counts = Counts(videos, (1,), (one_video(1, True),))
    assert bootstrap(counts, 100).intervals == {}
    assert paired_bootstrap(counts, counts, 100).intervals == {}


def test_equal_results_do_not_differ() -> None:
    counts = found_in(0, 2, of=5)
    found = paired_bootstrap(counts, counts, 100).intervals["ap"]
    assert isinstance(found, Difference)
    assert (found.score, found.low, found.high, found.above, found.below, found.p) == (0, 0, 0, 0, 0, 1)


def test_a_sure_difference_has_the_smallest_p() -> None:
    found = paired_bootstrap(found_in(*range(9), of=10), found_in(0, of=10), 99).intervals["ar10"]
    assert isinstance(found, Difference)
    assert found.score == pytest.approx(0.8) and found.above == 1
    assert found.p == pytest.approx(2 / 100)  # no draw of 99, and the data themselves


def test_swapped_results_swap_the_signs() -> None:
    first, second = found_in(0, 1, 2, of=6), found_in(2, 3, of=6)
    one, other = (paired_bootstrap(*pair, 200).intervals["ar1"] for pair in ((first, second), (second, first)))
    assert isinstance(one, Difference) and isinstance(other, Difference)
    assert (one.score, one.low, one.high) == pytest.approx((-other.score, -other.high, -other.low))
    assert (one.above, one.below, one.p) == (other.below, other.above, other.p)


def test_other_videos_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="the same videos and categories"):
        paired_bootstrap(found_in(0, of=2), found_in(0, of=3))


@pytest.mark.parametrize("compute", [bootstrap, lambda counts, draws: paired_bootstrap(counts, counts, draws)])
def test_one_draw_is_no_interval(compute: Callable[[Counts, int], Bootstrap]) -> None:
    with pytest.raises(UserError, match="1 draws give no interval"):
        compute(found_in(0, of=2), 1)


def allowed(trials: int) -> tuple[float, float]:
    """Shares of intervals that hold the truth, seen with probability 0.999 when each does so with 95 %."""
    low, high = binom.ppf([0.0005, 0.9995], trials, LEVEL) / trials
    return float(low), float(high)


def simulation(videos: int, trials: int) -> tuple[float, list[tuple[Interval, Interval]], float]:
    """Difference of AP in truth; the intervals of AP and of its difference on each data set; and true AP.

    Data sets are drawn from a pool with replacement, so what holds for the pool is the truth.
    """
    random = np.random.default_rng(0)
    pool = population(POOL, CATEGORIES, gain=0.03, random=random)
    truth = [WeightedScores(counts).of(np.ones((1, POOL)))[0, 0] for counts in data_set(pool, range(POOL), CATEGORIES)]
    found = []
    for trial in range(trials):
        first, second = data_set(pool, random.integers(0, POOL, videos), CATEGORIES)
        alone, paired = bootstrap(first, 200, trial), paired_bootstrap(first, second, 200, trial)
        found.append((alone.intervals["ap"], paired.intervals["ap"]))
    return truth[0] - truth[1], found, truth[0]


def share_that_holds(truth: float, intervals: list[Interval]) -> float:
    return float(np.mean([interval.low <= truth <= interval.high for interval in intervals]))


# 30 videos are too few for AP itself: docs/evaluation.md.
@pytest.mark.parametrize(("videos", "trials", "least_for_ap"), [(30, 200, 0.8), (300, 80, allowed(80)[0])])
def test_intervals_hold_the_truth_as_often_as_they_say(videos: int, trials: int, least_for_ap: float) -> None:
    difference, intervals, ap = simulation(videos, trials)
    assert 0.02 < difference < 0.06
    lowest, highest = allowed(trials)
    assert lowest <= share_that_holds(difference, [paired for _, paired in intervals]) <= highest
    assert least_for_ap <= share_that_holds(ap, [alone for alone, _ in intervals]) <= highest


def test_pairing_narrows_the_interval() -> None:
    random = np.random.default_rng(0)
    first, second = data_set(population(100, CATEGORIES, gain=0.03, random=random), range(100), CATEGORIES)
    paired = paired_bootstrap(first, second, 500).intervals["ap"]
    drawn = [resampled_scores([one], 500, seed)[1][0, :, 0] for seed, one in enumerate((first, second))]
    low, high = np.percentile(drawn[0] - drawn[1], [2.5, 97.5])
    assert high - low > 2 * (paired.high - paired.low)
