"""The search for the largest number that fits, with answers known beforehand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vita.engine.memory.search import Edge, find_edge


def search(edge: int, guess: int, precision: float = 0.01, at_most: int = 100_000) -> tuple[Edge, int]:
    """Up to `edge` frames fit."""
    asked: list[int] = []

    def fits(frames: int) -> bool:
        asked.append(frames)
        return frames <= edge

    found = find_edge(fits, guess, precision, at_most)
    assert len(asked) == len(set(asked)), "no number is asked twice"
    return found, len(asked)


@given(edge=st.integers(0, 5000), guess=st.integers(1, 5000))
def test_to_one_frame(edge: int, guess: int) -> None:
    found, _ = search(edge, guess, precision=0.0)
    assert found.largest == edge and found.smallest_failing == edge + 1
    assert found.band == (edge, edge)


@given(edge=st.integers(1, 5000), guess=st.integers(1, 5000), precision=st.floats(0.001, 0.2))
def test_to_a_share(edge: int, guess: int, precision: float) -> None:
    found, _ = search(edge, guess, precision)
    assert found.smallest_failing is not None
    assert found.largest <= edge < found.smallest_failing
    assert found.smallest_failing - found.largest <= max(1, precision * found.smallest_failing)


@given(edge=st.integers(50, 20_000), error=st.floats(-0.03, 0.03))
def test_a_good_guess_needs_few_trials(edge: int, error: float) -> None:
    """Within 3 %: the guess, at most two on the other side, two halvings of 3 % or 6 %, and two to check."""
    _, trials = search(edge, round(edge * (1 + error)), precision=0.02)
    assert trials <= 6


def test_a_band_where_both_were_seen() -> None:
    """100 frames fail, which an allocator's rounding may do, though 101 to 110 fit: the check at 106 finds it."""
    found = find_edge(lambda frames: frames <= 110 and frames != 100, 100, 0.0, 1000)
    assert found.band == (100, 106) and found.largest == 106
    assert found.is_monotone


def test_a_band_below_the_edge() -> None:
    """Around the edge of 200 it is asked 6 % away, where there is no trial yet: 188 does not fit."""
    found = find_edge(lambda frames: frames <= 200 and frames != 188, 200, 0.0, 1000)
    assert found.band == (188, 200) and found.largest == 200
    assert found.is_monotone


def test_a_wide_band_is_none() -> None:
    assert not Edge({100: False, 120: True}).is_monotone
    assert Edge({100: False, 101: True}).is_monotone and Edge({5: True}).is_monotone


def test_none_fits() -> None:
    found, _ = search(0, 500)
    assert found.largest == 0 and found.smallest_failing == 1


def test_all_fit() -> None:
    found, _ = search(1000, 100, at_most=400)
    assert found.largest == 400 and found.smallest_failing is None
    assert max(found.trials) == 400
