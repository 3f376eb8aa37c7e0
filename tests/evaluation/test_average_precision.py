import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resampler import Resampler, scores_from_counts

from vita.core.contract import UserError
from vita.evaluation.average_precision import (
    merge_groups,
    precision_and_recall,
    scores_at_recall,
)
from vita.evaluation.counts import Counts, GroupCounts


def group(video_id: int, found: str, objects: int, scores: list[float] | None = None, category: int = 1) -> GroupCounts:
    """`found` has a letter per detection, for all thresholds: 1 right, 0 wrong, i ignored."""
    flags = np.array(list(found))
    levels = [1 - 0.1 * rank for rank in range(len(found))] if scores is None else scores
    matched, ignored = np.tile(flags == "1", (10, 1)), np.tile(flags == "i", (10, 1))
    return GroupCounts(video_id, category, objects, np.array(levels), matched, ignored)


def ap(*groups: GroupCounts) -> float:
    videos = tuple(sorted({g.video_id for g in groups}))
    return scores_from_counts(Counts(videos, (1,), groups)).ap


def test_all_found_and_nothing_else() -> None:
    assert ap(group(1, "11", 2)) == pytest.approx(1)


def test_average_precision_by_hand() -> None:
    # Right, wrong, right, and one object of 3 is never found. Recall 1/3, 1/3, 2/3; precision 1, 1/2, 2/3.
    # Recall levels 0 to 0.33 (34 of them): precision 1. Levels 0.34 to 0.66 (33): 2/3. The other 34: 0.
    assert ap(group(1, "101", 3)) == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_ignored_detections_count_neither_way() -> None:
    assert ap(group(1, "i1i1i", 2)) == ap(group(1, "11", 2))


def test_equal_scores_are_ordered_by_video() -> None:
    wrong_first = ap(group(1, "0", 0, [0.5]), group(2, "1", 1, [0.5]))
    right_first = ap(group(1, "1", 1, [0.5]), group(2, "0", 0, [0.5]))
    assert (wrong_first, right_first) == (pytest.approx(1 / 2), pytest.approx(1))


def test_detections_beyond_the_limit_are_dropped_in_each_video() -> None:
    groups = [group(1, "011", 2, [0.9, 0.8, 0.7]), group(2, "1", 1, [0.6])]
    merged = merge_groups(groups, (1, 2))
    final = {limit: precision_and_recall(merged, limit, np.ones(2))[1][0] for limit in (1, 2, 100)}
    assert final == {1: 1 / 3, 2: 2 / 3, 100: 1}


def test_the_score_that_each_recall_needs() -> None:
    # Of 4 objects the first and the fourth detection find one each: recall 1/4 at 0.9, 2/4 at 0.6, no more at all.
    merged = merge_groups([group(1, "10", 2, [0.9, 0.7]), group(2, "i1", 2, [0.8, 0.6])], (1, 2))
    needed = scores_at_recall(merged, 100)[0]
    assert needed[[0, 25, 26, 50, 51, 100]].tolist() == [0.9, 0.9, 0.6, 0.6, 0.0, 0.0]
    assert scores_at_recall(merged, 1)[0][[25, 26]].tolist() == [0.9, 0.0]  # the second of video 2 is beyond the limit
    nothing = merge_groups([group(1, "0", 0)], (1,))
    assert set(scores_at_recall(nothing, 100).flat) == {-1}


def test_category_without_ground_truth_is_left_out_of_the_mean() -> None:
    missing = group(1, "00", 0, category=2)
    scores = scores_from_counts(Counts((1,), (1, 2), (group(1, "11", 2), missing)))
    assert (scores.ap, scores.ar1) == (pytest.approx(1), 0.5)


def test_category_with_ground_truth_and_no_detection_counts_zero() -> None:
    scores = scores_from_counts(Counts((1,), (1, 2), (group(1, "11", 2), group(1, "", 4, category=2))))
    assert (scores.ap, scores.ar10) == (pytest.approx(0.5), 0.5)


def test_no_ground_truth_at_all() -> None:
    scores = scores_from_counts(Counts((1,), (1,), (group(1, "0", 0),)))
    assert set(asdict(scores).values()) == {-1}


@st.composite
def some_counts(draw: st.DrawFn) -> Counts:
    """Counts of up to 4 videos and 2 categories, with the same flags a real matching could give."""
    videos, groups = range(1, draw(st.integers(1, 4)) + 1), []
    for video_id in videos:
        for category in (1, 2):
            words = st.lists(st.sampled_from("01i"), min_size=10, max_size=10)
            columns = draw(st.lists(words, max_size=4))
            flags = np.array(columns).T if columns else np.empty((10, 0), str)
            # Distinct scores in a video: copies of a video interleave equal ones, weights do not.
            levels = draw(st.lists(st.integers(0, 6), min_size=len(columns), max_size=len(columns), unique=True))
            scores = np.array(sorted(levels, reverse=True)) / 7
            objects = draw(st.integers(0, 2)) + int((flags == "1").sum(axis=1).max(initial=0))
            if objects or columns:
                groups.append(GroupCounts(video_id, category, objects, scores, flags == "1", flags == "i"))
    return Counts(tuple(videos), (1, 2), tuple(groups))


@given(some_counts())
@settings(max_examples=40, deadline=None)
def test_counts_survive_json(counts: Counts) -> None:
    read = Counts.from_json(json.loads(json.dumps(counts.to_json())))
    assert read.to_json() == counts.to_json()
    assert scores_from_counts(read) == scores_from_counts(counts)


@given(some_counts(), st.data())
@settings(max_examples=80, deadline=None)
def test_a_weight_is_that_many_copies(counts: Counts, data: st.DataObject) -> None:
    weights = {key: data.draw(st.integers(0, 3), label=f"weight of video {key}") for key in counts.video_ids}
    copies = {10 * key + copy: key for key in counts.video_ids for copy in range(weights[key])}
    copied = [
        GroupCounts(copy, g.category_id, g.ground_truth, g.scores, g.matched, g.ignored)
        for copy, key in copies.items() for g in counts.groups if g.video_id == key
    ]  # fmt: skip
    expected = scores_from_counts(Counts(tuple(copies), counts.category_ids, tuple(copied)))
    found = scores_from_counts(counts, weights)
    assert asdict(found) == pytest.approx(asdict(expected), abs=1e-12)


def test_a_resampler_can_be_asked_again() -> None:
    counts = Counts((1, 2), (1,), (group(1, "1", 1), group(2, "0", 1)))
    resampler = Resampler(counts)
    assert [resampler.scores(w).ar1 for w in ({1: 1}, {2: 1}, {1: 3, 2: 1}, None)] == [1, 0, 0.75, 0.5]


def test_weights_of_unknown_videos_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not evaluated: \[7\]"):
        scores_from_counts(Counts((1,), (1,), (group(1, "1", 1),)), {7: 1})


GROUP = {"video_id": 1, "category_id": 1, "ground_truth": 1, "scores": [0.5], "outcomes": ["1" * 10]}
COUNTS = {"video_ids": [1], "category_ids": [1], "groups": [GROUP]}
ENDLESS = [
    *({**COUNTS, "groups": [{**GROUP, key: bad}]} for key in ("video_id", "ground_truth") for bad in (10**40, True)),
    *({**COUNTS, key: [1, bad]} for key in ("video_ids", "category_ids") for bad in (10**40, float("inf"), "2", None)),
    *({**COUNTS, "groups": [{**GROUP, "outcomes": [word]}]} for word in ("1" * 9, "1" * 11, "")),
    {**COUNTS, "groups": [{**GROUP, "ground_truth": -1}]},
]


def test_counts_are_as_they_were() -> None:
    assert Counts.from_json(COUNTS).to_json() == COUNTS


@pytest.mark.parametrize("entry", [{}, {"groups": [{}]}, {"groups": 3}, [], *ENDLESS])
def test_unreadable_counts(entry: object) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        Counts.from_json(entry)
