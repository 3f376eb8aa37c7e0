"""Splits that keep the share of every category."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vita.data.stratification import choose_valid

IDS = st.integers(1, 10_000)
ONE_CATEGORY_EACH = st.dictionaries(IDS, st.integers(1, 5).map(lambda name: {name}), min_size=2, max_size=60)
ANY_CATEGORIES = st.dictionaries(IDS, st.sets(st.integers(1, 6), max_size=4), min_size=2, max_size=40)
SHARES = st.floats(0.05, 0.5)


def counts(categories: dict[int, set[int]], videos: set[int]) -> dict[int, int]:
    names = set().union(*categories.values())
    return {name: sum(name in categories[video] for video in videos) for name in names}


def in_one_part(categories: dict[int, set[int]], valid: set[int]) -> int:
    """Categories of two or more videos that only one part has."""
    whole, of_valid = counts(categories, set(categories)), counts(categories, valid)
    return sum(whole[name] > 1 and of_valid[name] in (0, whole[name]) for name in whole)


@given(ONE_CATEGORY_EACH, SHARES, st.integers(0, 5))
def test_with_one_category_a_video_every_share_is_as_near_as_whole_videos_allow(categories, share, seed):
    valid = set(choose_valid(categories, share, seed))
    assert 0 < len(valid) < len(categories)
    assert in_one_part(categories, valid) == 0
    whole, of_valid = counts(categories, set(categories)), counts(categories, valid)
    for name, count in whole.items():
        wished = min(max(share * count, 1), count - 1) if count > 1 else share
        assert abs(of_valid[name] - wished) <= 1


@given(ANY_CATEGORIES, SHARES, st.integers(0, 5))
def test_no_single_move_brings_more_categories_into_both_parts(categories, share, seed):
    valid = set(choose_valid(categories, share, seed))
    assert 0 < len(valid) < len(categories)
    left = in_one_part(categories, valid)
    moved = [valid ^ {video} for video in categories]
    assert all(in_one_part(categories, other) >= left for other in moved if 0 < len(other) < len(categories))


@given(ANY_CATEGORIES, st.integers(0, 5), st.randoms(use_true_random=False))
def test_the_order_of_the_file_does_not_matter(categories, seed, shuffler: random.Random):
    shuffled = list(categories.items())
    shuffler.shuffle(shuffled)
    assert choose_valid(dict(shuffled), 0.2, seed) == choose_valid(categories, 0.2, seed)


def test_a_set_like_the_real_ones_has_every_category_in_its_share():
    """2,238 videos of 40 categories, few common and many rare, one to three in a video, as YouTube-VIS 2019."""
    rng = np.random.default_rng(0)
    rarity = 1 / np.arange(1, 41)
    draw = [rng.choice(40, int(rng.integers(1, 4)), replace=False, p=rarity / rarity.sum()) for _ in range(2238)]
    categories = {number: {int(name) for name in names} for number, names in enumerate(draw, start=1)}
    valid = set(choose_valid(categories, 0.15, seed=0))

    assert in_one_part(categories, valid) == 0
    assert len(valid) == pytest.approx(0.15 * 2238, rel=0.02)
    whole, of_valid = counts(categories, set(categories)), counts(categories, valid)
    for name, count in whole.items():
        assert of_valid[name] == pytest.approx(0.15 * count, abs=max(1.5, 0.02 * count))
    assert valid != set(choose_valid(categories, 0.15, seed=1))


def test_two_rare_categories_that_come_together_are_torn_apart():
    """Both pairs of videos hold two categories; whatever is dealt out, each category ends in both parts."""
    categories = {1: {1, 2}, 2: {1, 2}, 3: {3, 4}, 4: {3, 4}, 5: set(), 6: set()}
    for seed in range(20):
        assert in_one_part(categories, set(choose_valid(categories, 0.3, seed))) == 0


def test_what_cannot_be_in_both_parts():
    """Of three videos that share a category by twos, two are always together."""
    valid = choose_valid({1: {1, 2}, 2: {2, 3}, 3: {3, 1}}, 0.4, seed=0)
    assert in_one_part({1: {1, 2}, 2: {2, 3}, 3: {3, 1}}, set(valid)) == 1


def test_a_category_of_one_video_is_learned_from():
    assert choose_valid({1: {7}, 2: {8}, 3: {8}, 4: {8}}, 0.3, seed=0) <= {2, 3, 4}
