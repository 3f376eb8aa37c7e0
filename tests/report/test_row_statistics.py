"""Intervals of rows and differences between them: what videos and seeds carry, and what they do not."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_scenes import average_precision, counts
from written_records import metrics_record

from vita.core.contract import UserError
from vita.report.tables.row_statistics import RowScores, compare, mean_intervals, read_row_scores

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
    interval = mean_intervals(row)["ap"]
    assert interval.low < interval.score < interval.high
    # The share of 20 videos with an object found, 1/4, has a standard error of sqrt(1/4 x 3/4 / 20) = 9.7 points.
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * 9.7, rel=0.15)


@given(st.lists(st.booleans(), min_size=5, max_size=12))
@settings(max_examples=20, deadline=None)
def test_a_row_does_not_differ_from_itself(tmp_path_factory, right):
    row = read(tmp_path_factory.mktemp("row"), right, right)
    for difference in compare(row, row).values():
        assert (difference.found.score, difference.found.low, difference.found.high) == (0, 0, 0)
        assert difference.verdict == "inside the noise"


def test_pairing_takes_out_what_both_rows_share():
    """Both rows rise and fall with the drawn videos by far more than the point that lies between them."""
    better = made([51, 51], noise=10)
    worse = RowScores(better.weights, better.videos, better.observed - 1, better.drawn - 1)
    found = compare(better, worse)["ap"]
    assert (found.found.low, found.found.high) == pytest.approx((1, 1))
    assert found.verdict == "higher"
    assert compare(worse, better)["ap"].verdict == "lower"


def test_one_training_each_tells_nothing_of_trainings():
    assert compare(made([60]), made([40], weights="b"))["ap"].verdict == "one training each"
    assert compare(made([60]), made([40]))["ap"].verdict == "higher"  # the same weights predicted in two ways


def test_two_seeds_of_the_same_weights_must_agree():
    """Each seed is compared with itself: 70 - 69 and 50 - 49, though 50 is below 69."""
    assert compare(made([70, 50]), made([69, 49]))["ap"].verdict == "higher"
    assert compare(made([70, 50]), made([60, 51]))["ap"].verdict == "inside the noise"


@pytest.mark.parametrize(("first", "verdict"), [(52.3, "higher"), (52.2, "inside the noise")])
def test_two_trainings_must_differ_by_more_than_two_trainings_may(first, verdict):
    """(x, x + 1) less (50, 50): pooled variance 1/4, error sqrt(1/4 (1/2 + 1/2)) = 0.5; t of 2 degrees is 4.303.

    So the difference x + 1/2 - 50 must exceed 2.15, and with 1.5 from the videos sqrt(2.15^2 + 1.5^2) = 2.62.
    """
    videos = np.linspace(-1.5 / 0.95, 1.5 / 0.95, DRAWS)[None, :, None]
    ours = made([first - 0.14, first + 0.86])
    ours = RowScores(ours.weights, ours.videos, ours.observed, ours.drawn + videos)
    assert compare(ours, made([50, 50], weights="b"))["ap"].verdict == verdict


def test_from_three_seeds_on_the_interval_holds_their_spread():
    apart, few = made([40, 50, 60]), made([40, 60])
    wide, narrow = mean_intervals(apart)["ap"], mean_intervals(few)["ap"]
    assert (narrow.low, narrow.high) == (50, 50)  # the videos alone, which say the same in every draw here
    # The mean of three draws from 40, 50, 60: 27 equally likely outcomes, 1/27 each at 40 and at 60.
    assert (wide.low, wide.high) == pytest.approx((40, 60), abs=3.4)


def test_three_seeds_of_two_trainings_are_drawn_independently_and_of_one_together():
    spread = [40, 50, 60]
    different = compare(made(spread), made([45, 55, 65], weights="b"))["ap"]
    assert different.verdict == "inside the noise"
    same = compare(made(spread), made([45, 55, 65]))["ap"]
    assert (same.found.low, same.found.high, same.verdict) == (-5, -5, "lower")


def test_rows_on_different_videos_are_not_compared():
    assert compare(made([50, 50]), made([40, 40], videos=19)) == {}


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
