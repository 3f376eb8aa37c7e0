"""Intervals and the side of a threshold, with the arithmetic beside them."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from vita.report.claims.ledger import decide, together
from vita.report.claims.measurement import beyond, difference_of_means, exact, mean_of_seeds, paired_difference
from vita.report.claims.quantities import common_steps, mean_height
from vita.report.claims.schema import About, Above, Below, Between
from vita.report.tables.row_statistics import RowScores

BECAUSE = "twenty letters and a few more"


def scores(weights, observed, spread=0.0, videos=(1, 2)):
    """Rows whose five scores are all the same, with two draws `spread` around them."""
    observed = np.repeat(np.array(observed, float)[:, None], 5, axis=1)
    drawn = np.stack([observed - spread, observed + spread], axis=1)
    return RowScores(tuple(weights), tuple(videos), observed, drawn)


def test_mean_of_three_trainings():
    """49, 50, 51: deviation 1, standard error 1 / sqrt(3), and t of 2 degrees of freedom is 4.3027."""
    found = mean_of_seeds(np.array([49.0, 50.0, 51.0]))
    half = 4.3027 / math.sqrt(3)
    assert (found.value, found.seeds) == (50, 3)
    assert (found.low, found.high) == pytest.approx((50 - half, 50 + half), abs=1e-3)
    assert (found.side(50 - half - 0.01), found.side(50), found.side(50 + half + 0.01)) == ("above", "unclear", "below")


@pytest.mark.parametrize("measured", [mean_of_seeds, lambda few: difference_of_means(few, np.array([1.0, 2, 3]))])
def test_two_trainings_have_no_interval_and_decide_nothing(measured):
    found = measured(np.array([90.0, 90.0]))
    assert (found.low, found.high, found.seeds) == (None, None, 2)
    assert decide(found, Above(kind="above", value=0)) == "inconclusive"
    assert decide(found, Below(kind="below", value=0)) == "inconclusive"
    assert "needs 3" in found.basis


@pytest.mark.parametrize(("theirs", "verdict"), [((0, 1, 2), "inconclusive"), ((-1, 0, 1), "reproduced")])
def test_difference_of_means(theirs, verdict):
    """(3, 4, 5) less (0, 1, 2) is 3, error sqrt(1/3 + 1/3), times 4.3027 that is 3.513: more than 3, less than 4."""
    found = difference_of_means(np.array([3.0, 4, 5]), np.array(theirs, float))
    assert found.value == 4 - np.mean(theirs)
    assert found.high - found.value == pytest.approx(4.3027 * math.sqrt(2 / 3), abs=1e-3)
    assert decide(found, Above(kind="above", value=0)) == verdict


@pytest.mark.parametrize("sizes", [(3, 3), (3, 5), (5, 5)])
@pytest.mark.parametrize("deviations", [(1.0, 1.0), (0.2, 3.0)])
def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says(sizes, deviations):
    random = np.random.default_rng(0)
    draws = [
        [random.normal(0, deviation, size) for deviation, size in zip(deviations, sizes, strict=True)]
        for _ in range(1500)
    ]
    found = [difference_of_means(*one) for one in draws]
    assert np.mean([one.low <= 0 <= one.high for one in found]) >= 0.94  # 0.95 less two of its deviations


@pytest.mark.parametrize(
    ("threshold", "verdict"),
    [
        (-0.49, "reproduced"),
        (-0.48, "inconclusive"),
        (0.0, "inconclusive"),
        (4.48, "inconclusive"),
        (4.49, "not reproduced"),
    ],
)
def test_the_interval_is_held_against_every_threshold(threshold, verdict):
    """Differences 3, 2 and 1 of three trainings: 2, and 4.3027 times the error of 1 / sqrt(3) is 2.484."""
    found = paired_difference(scores("abc", [13, 12, 11]), scores("abc", [10, 10, 10]), "AP")
    assert (found.low, found.high) == pytest.approx((-0.484, 4.484), abs=1e-3)
    assert decide(found, Above(kind="above", value=threshold)) == verdict


def test_one_training_each_decides_nothing_however_large_the_difference():
    found = paired_difference(scores("a", [90]), scores("b", [10]), "AP")
    assert found.value == 80
    assert decide(found, Above(kind="above", value=0)) == "inconclusive"
    assert "one training each" in found.basis


def test_the_same_weights_need_no_second_training():
    found = paired_difference(scores("a", [90]), scores("a", [10]), "AP")
    assert decide(found, Above(kind="above", value=0)) == "reproduced"


def test_two_trainings_of_each_have_an_interval_that_holds_how_far_trainings_differ():
    """(12, 9) less (10, 8): variances 9/2 and 4/2 over 2 are 2.25 and 1; freedom 3.25^2 / (2.25^2 + 1) = 1.742."""
    found = paired_difference(scores("ab", [12, 9]), scores("cd", [10, 8]), "AP")
    assert found.high - found.value == pytest.approx(math.sqrt(3.25) * float(student.isf(0.025, 1.742)), abs=0.01)
    assert decide(found, Above(kind="above", value=0)) == "inconclusive"


def test_one_video_decides_nothing():
    found = paired_difference(scores("a", [90], videos=(1,)), scores("a", [10], videos=(1,)), "AP")
    assert (found.value, found.low, found.high) == (80, None, None)
    assert decide(found, Above(kind="above", value=0)) == "inconclusive"
    assert found.basis == "one video, which says nothing of others"


def test_equal_results_decide_nothing_about_a_sign():
    found = paired_difference(scores("a", [50], 3.0), scores("a", [50], 3.0), "AP")
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert decide(found, Above(kind="above", value=0)) == "inconclusive"
    assert decide(found, Between(kind="between", low=-1, high=1, because=BECAUSE)) == "reproduced"


def test_different_videos_are_not_compared():
    assert paired_difference(scores("a", [50]), scores("a", [50], videos=(1, 3)), "AP") is None


def test_how_much_more_one_score_changes_than_another():
    """AP falls by 10 and AR1 by 4: AP less AR1 goes from 10 to 4, a change of -6, whatever is common to all draws."""
    before, after = scores("a", [50]), scores("a", [40])
    before.observed[:, 3], after.observed[:, 3] = 40, 36
    for one in (before, after):
        one.drawn[:] = one.observed[:, None] + np.array([-5.0, 5.0])[None, :, None]
    found = paired_difference(beyond(after, "AR1"), beyond(before, "AR1"), "AP")
    assert (found.value, found.low, found.high) == (-6, -6, -6)


@pytest.mark.parametrize(
    ("predicate", "verdict"),
    [
        (About(kind="about", value=6, tolerance=0.5, because=BECAUSE), "reproduced"),
        (About(kind="about", value=7, tolerance=0.5, because=BECAUSE), "not reproduced"),
        (Between(kind="between", low=6.2, high=9, because=BECAUSE), "not reproduced"),
        (Above(kind="above", value=6), "reproduced"),
        (Below(kind="below", value=6), "not reproduced"),
    ],
)
def test_a_count_is_inside_or_outside(predicate, verdict):
    assert decide(exact(6.1, "counted"), predicate) == verdict


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        (["reproduced", "reproduced"], "reproduced"),
        (["reproduced", "inconclusive"], "inconclusive"),
        (["inconclusive", "not reproduced", "reproduced"], "not reproduced"),
    ],
)
def test_all_parts_have_to_hold(parts, verdict):
    assert together(parts) == verdict


def test_mean_height_of_a_curve():
    """From 10 at step 0 to 30 at step 100: 20 on average, 25 in the second half, 0 points in between or not."""
    curve = pd.Series([10.0, np.nan, 30.0], index=[0, 20, 100])
    assert mean_height(curve, 0, 100) == 20
    assert mean_height(curve, 50, 100) == 25
    bent = pd.Series([0.0, 10.0, 10.0], index=[0, 50, 100])  # a triangle of 250 and a square of 500
    assert mean_height(bent, 0, 100) == pytest.approx(7.5)


def test_common_steps_leave_out_what_one_training_has_not():
    long = pd.DataFrame({0: [1.0, 2, 3], 1: [1.0, 2, np.nan]}, index=[200, 400, 900])
    short = pd.DataFrame({0: [1.0, 2]}, index=[300, 600])
    assert common_steps([long, short]) == (300, 400)
