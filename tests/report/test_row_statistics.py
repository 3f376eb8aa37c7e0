"""Intervals of rows and differences between them: what videos and seeds carry, and what they do not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_scenes import average_precision, counts
from written_records import metrics_record

from vita.core.contract import UserError
from vita.evaluation.main_scores import SCORE_NAMES
from vita.report.tables.row_statistics import RowScores, compare, mean_interval, read_row_scores

VIDEOS, DRAWS = 20, 200


def made(ap, noise=0.0, weights="a", videos=VIDEOS, seed=0):
    """A row whose seeds score `ap`, each with draws that spread by `noise` around it; all five scores alike."""
    observed = np.repeat(np.array(ap, float)[:, None], 5, axis=1)
    spread = np.random.default_rng(seed).normal(0, noise, (len(ap), DRAWS, 5))
    names = tuple(f"{weights}{number}" for number in range(len(ap)))
    return RowScores(names, tuple(range(videos)), observed, observed[:, None] + spread)


def read(folder, *found, weights="a"):
    """A row from metrics files, one a seed; found: which of the videos' objects each seed finds."""
    runs = []
    for number, right in enumerate(found):
        path = folder / f"{weights}{number}.json"
        path.write_text(json.dumps(metrics_record({}, counts(right))))
        runs.append((f"{weights}{number}", path))
    return read_row_scores(runs)


def test_scores_and_draws_come_from_the_counts(tmp_path):
    right = [True] * 5 + [False] * 15
    row = read(tmp_path, right)
    assert row.observed[0, 0] == pytest.approx(average_precision(right))
    interval = mean_interval(row, "ap")
    assert interval.low < interval.score < interval.high
    # The share of 20 videos with an object found, 1/4, has a standard error of sqrt(1/4 x 3/4 / 20) = 9.7 points.
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 9.7, rel=0.15)


@given(st.lists(st.booleans(), min_size=5, max_size=12))
@settings(max_examples=20, deadline=None)
def test_a_row_does_not_differ_from_itself(tmp_path_factory, right):
    row = read(tmp_path_factory.mktemp("row"), right, right)
    for difference in (compare(row, row, name) for name in SCORE_NAMES):
        assert (difference.found.score, difference.found.low, difference.found.high) == (0, 0, 0)
        assert difference.verdict == "inside the noise"


def test_pairing_takes_out_what_both_rows_share():
    """Both rows rise and fall with the drawn videos by far more than the point that lies between them."""
    better = made([51, 51], noise=10)
    worse = RowScores(better.weights, better.videos, better.observed - 1, better.drawn - 1)
    found = compare(better, worse, "ap")
    assert (found.found.low, found.found.high) == pytest.approx((1, 1))
    assert found.verdict == "higher"
    assert compare(worse, better, "ap").verdict == "lower"


def test_one_training_each_tells_nothing_of_trainings():
    assert compare(made([60]), made([40], weights="b"), "ap").verdict == "one training each"
    assert compare(made([60]), made([40]), "ap").verdict == "higher"  # the same weights predicted in two ways


def test_two_seeds_of_the_same_weights_must_agree():
    """Each seed is compared with itself: 70 - 69 and 50 - 49, though 50 is below 69."""
    assert compare(made([70, 50]), made([69, 49]), "ap").verdict == "higher"
    assert compare(made([70, 50]), made([60, 51]), "ap").verdict == "inside the noise"


def shaken(row, error):
    """The same in all trainings: draws whose standard deviation is that of 20 videos with this standard error."""
    steps = np.linspace(-1, 1, DRAWS)
    steps *= error * np.sqrt((VIDEOS - 1) / VIDEOS) / steps.std(ddof=1)
    return RowScores(row.weights, row.videos, row.observed, row.drawn + steps[None, :, None])


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(57.4, "higher"), (57.2, "too few trainings"), (52.4, "too few trainings"), (52.1, "inside the noise")],
)
def test_two_trainings_must_differ_by_more_than_two_trainings_and_the_videos_may(level, verdict):
    """(x - 1/2, x + 1/2) less (50, 50): error sqrt(1/2 / 2) = 0.5 from one group alone, so t of 1 degree, 12.706.

    Half of the interval is 6.353 by trainings; the videos' error of 1.5 times t of 19 / 3 degrees, 2.416, is 3.624;
    the root of the sum of squares is 7.314. With an error of 1 it is 6.797, and 1.96 errors are 2.191.
    """
    error = 1.5 if level > 55 else 1.0
    ours = shaken(made([level - 0.5, level + 0.5]), error)
    found = compare(ours, made([50, 50], weights="b"), "ap")
    assert found.found.high - found.found.score == pytest.approx(7.314 if error == 1.5 else 6.797, abs=2e-3)
    assert found.verdict == verdict


def test_the_interval_decides_alone():
    """-21.5 with trainings 6.3 apart and videos that carry it: too few trainings, not noise."""
    joint, frozen = shaken(made([60.4, 71.4]), 2.8), made([44.0, 44.8], weights="b")
    found = compare(frozen, joint, "ap")
    assert found.found.score == pytest.approx(-21.5)
    assert found.found.low < 0 < found.found.high
    assert found.verdict == "too few trainings"
    more = compare(made([44.0, 44.8, 44.4, 44.2], weights="b"), shaken(made([60.4, 71.4, 66.0, 65.0]), 2.8), "ap")
    assert more.found.high < 0 and more.verdict == "lower"


def test_a_difference_moves_its_interval_and_nothing_else():
    ours, theirs = made([50, 53, 51], noise=3), made([50, 48, 49], noise=3, weights="b", seed=1)
    moved = RowScores(ours.weights, ours.videos, ours.observed + 7, ours.drawn + 7)
    before, after = (compare(row, theirs, "ap") for row in (ours, moved))
    assert (after.found.low, after.found.high) == pytest.approx((before.found.low + 7, before.found.high + 7))
    assert after.smallest_to_show == pytest.approx(before.smallest_to_show)


def test_p_is_the_share_at_which_the_interval_reaches_0():
    """Of one training, two ways: t = 3 / 1.5 = 2 with 19 / 3 degrees of freedom has a two-sided p of 0.0899."""
    found = compare(shaken(made([53]), 1.5), made([50]), "ap")
    assert found.p == pytest.approx(0.0899, abs=1e-4)
    assert found.verdict == "too few videos"  # 2 errors are more than 1.96, not more than 2.416


def test_one_training_against_several_has_no_spread():
    found = compare(made([60]), made([40, 41, 42], weights="b"), "ap")
    assert (found.verdict, found.smallest_to_show) == ("too few trainings", None)


@pytest.mark.parametrize("row", [made([60], videos=1), made([60, 61, 62], videos=1)])
def test_one_video_says_nothing_of_others(row):
    """Its draws are all the same, which is no certainty."""
    found = compare(row, RowScores(row.weights, row.videos, row.observed - 9, row.drawn - 9), "ap")
    assert (found.found.score, found.verdict, found.smallest_to_show) == (9, "one video", None)
    assert np.isnan([found.found.low, found.found.high, found.p]).all()
    assert mean_interval(row, "ap") is None


def test_one_video_with_an_object_among_empty_ones_is_one_video(tmp_path):
    content = metrics_record({}, counts([True]))
    content["counts"]["video_ids"] = [1, 2, 3]
    (tmp_path / "a0.json").write_text(json.dumps(content))
    row = read_row_scores([("a0", tmp_path / "a0.json")])
    assert (row.videos, row.videos_that_count, mean_interval(row, "ap")) == ((1, 2, 3), 1, None)


def test_from_three_seeds_on_the_interval_of_a_mean_holds_other_trainings():
    apart, few = made([40, 50, 60]), made([40, 60])
    wide, narrow = mean_interval(apart, "ap"), mean_interval(few, "ap")
    assert (narrow.low, narrow.high) == (50, 50)  # the videos alone, which say the same in every draw here
    # Deviation 10, error 10 / sqrt(3), times 4.3027, t of 2 degrees: 24.84.
    assert (wide.low, wide.high) == pytest.approx((50 - 24.84, 50 + 24.84), abs=0.01)


def test_different_trainings_are_two_groups_and_the_same_weights_pairs():
    spread = [40, 50, 60]
    different = compare(made(spread), made([45, 55, 65], weights="b"), "ap")
    assert different.verdict == "inside the noise"
    same = compare(made(spread), made([45, 55, 65]), "ap")
    assert (same.found.low, same.found.high, same.verdict) == (-5, -5, "lower")


def test_rows_on_different_videos_are_not_compared():
    assert compare(made([50, 50]), made([40, 40], videos=19), "ap") is None


def test_bad_metrics_are_named(tmp_path):
    path = tmp_path / "intact.json"
    path.write_text("{}")
    with pytest.raises(
        UserError, match=r"intact\.json: key 'scores' is missing; delete the file and run the command again"
    ):
        read_row_scores([("a", path)])
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(json.dumps(metrics_record({}, counts([True, False]))))
    second.write_text(json.dumps(metrics_record({}, counts([True, False, True]))))
    with pytest.raises(UserError, match=r"first\.json and .*second\.json are of different videos"):
        read_row_scores([("a", first), ("b", second)])
