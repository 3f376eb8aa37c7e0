"""Corners and weights behind the starts of a moving window."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vita.data.augment.settings import window_starts
from vita.official.conformance.crop_paths import redrawn

ROOM = (60, 200)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_what_our_interpolation_gives_is_found_again(seed: int, reverse: bool) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, ROOM, endpoint=True)
    second = rng.integers(first, ROOM, endpoint=True)
    starts = window_starts(first, second, np.sort(rng.random(5)))[:: -1 if reverse else 1]
    np.testing.assert_array_equal(redrawn(starts, ROOM), starts)


@pytest.mark.parametrize(
    "starts",
    [
        [[0, 0], [5, 0], [4, 0]],  # back and forth
        [[0, 10], [5, 9], [6, 8]],  # one edge falls while the other grows
        [[0, 0], [40, 10], [50, 100]],  # no line: 40 of 50 rows, but 10 of 100 columns
        [[0, 0], [0, 3], [61, 100]],  # beyond the room
    ],
)
def test_what_it_cannot_give_is_refused(starts: list[list[int]]) -> None:
    assert redrawn(np.array(starts), ROOM) is None


def test_a_window_that_stands_still() -> None:
    starts = np.array([[7, 0]] * 3)
    np.testing.assert_array_equal(redrawn(starts, (7, 0)), starts)
