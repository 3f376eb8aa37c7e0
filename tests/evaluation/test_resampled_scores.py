from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resampler import Resampler

from vita.evaluation.counts import Counts, GroupCounts
from vita.evaluation.resampled_scores import WeightedScores


def group(
    video: int, category: int, objects: int, scores: list[float], right: list[int], ignored: int = 0
) -> GroupCounts:
    """right: at how many of the ten thresholds each detection is right; the first `ignored` detections do not count."""
    matched = np.arange(10)[:, None] < np.array(right, int)[None]
    left_out = np.repeat((np.arange(len(right)) < ignored)[None], 10, axis=0)
    return GroupCounts(video, category, objects, np.array(scores, float), matched, left_out)


def test_by_hand() -> None:
    # Video 1: its object is found at 0.9, at all thresholds. Video 2: a wrong one, then its object, up to 0.7.
    first = group(1, 1, 1, [0.9], [10])
    second = group(2, 1, 1, [0.95, 0.5], [0, 5])
    scorer = WeightedScores(Counts((1, 2), (1, 7), (first, second)))
    ap, ap50, ap75, ar1, ar10 = scorer.of(np.array([[1, 0], [0, 1], [1, 1]])).T
    # Alone, video 2 has its object behind one wrong detection: precision 1/2, at half of the thresholds.
    # Together: wrong, right, right; precision at both recalls is 2/3 where both are found; else 1/2 up to recall 0.5.
    assert ap50 == pytest.approx([1, 1 / 2, 2 / 3])
    assert ap75 == pytest.approx([1, 0, 51 / 101 / 2])
    assert ap == pytest.approx([1, 1 / 4, (2 / 3 + 51 / 101 / 2) / 2])
    assert ar1 == pytest.approx([1, 0, 1 / 2])
    assert ar10 == pytest.approx([1, 1 / 2, 3 / 4])


def test_a_category_whose_objects_are_not_drawn_is_left_out() -> None:
    found, missed = group(1, 1, 1, [0.9], [10]), group(2, 2, 1, [], [])
    scorer = WeightedScores(Counts((1, 2), (1, 2), (found, missed)))
    assert scorer.of(np.array([[1, 1], [1, 0], [0, 3]]))[:, 0] == pytest.approx([0.5, 1, 0])


def test_no_object_in_a_draw_is_no_score() -> None:
    scorer = WeightedScores(Counts((1, 2), (1,), (group(1, 1, 1, [0.9], [10]),)))
    assert np.isnan(scorer.of(np.array([[0, 2]]))).all()
    assert np.isnan(WeightedScores(Counts((), (), ())).of(np.ones((1, 0)))).all()


@st.composite
def results(draw: st.DrawFn) -> Counts:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    videos, categories = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    groups = []
    for video, category in np.ndindex(videos, categories):
        detections = int(random.integers(0, 14))
        scores = np.sort(np.round(random.random(detections), 1))[::-1]  # ties, too
        right = random.integers(0, 11, detections)
        made = group(video, category, int(random.integers(0, 3)), list(scores), list(right), int(random.integers(0, 2)))
        groups.append(made)
    return Counts(tuple(range(videos)), tuple(range(categories)), tuple(groups))


@settings(deadline=None)
@given(results(), st.integers(0, 2**32 - 1))
def test_equal_to_one_weighting_at_a_time(counts: Counts, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(0, 4, (3, len(counts.video_ids)))
    resampler = Resampler(counts)
    for row, found in zip(weights, WeightedScores(counts).of(weights), strict=True):
        expected = np.array(astuple(resampler.scores(dict(zip(counts.video_ids, row.astype(float), strict=True)))))
        np.testing.assert_allclose(np.nan_to_num(found, nan=-1.0), expected, atol=1e-12)
