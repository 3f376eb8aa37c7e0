"""Duplicate tracks, labels that keep off each other, and the rows of a contact sheet: arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from vita.core.contract import Track
from vita.demo.duplicates import without_duplicates
from vita.demo.overlay import free_line, sheet_shape

HEIGHT, WIDTH = 10, 20


def track(score: float, columns: tuple[int, int], label: int = 0, frames: tuple[bool, ...] = (True, True)) -> Track:
    """A block of full height in these columns, in the frames that show it."""
    codes = []
    for there in frames:
        mask = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
        mask[:, slice(*columns)] = there
        codes.append({"size": [HEIGHT, WIDTH], "counts": coco_mask.encode(mask)["counts"].decode()})
    return Track(label, score, codes)


def kept(*tracks: Track, most: float = 0.5) -> list[float]:
    return [one.score for one in without_duplicates(tracks, HEIGHT, WIDTH, most)]


def test_the_lower_score_of_two_that_overlap_goes() -> None:
    # 8 of 12 columns are shared.
    assert kept(track(0.4, (0, 10)), track(0.9, (2, 12))) == [0.9]
    assert kept(track(0.4, (0, 10)), track(0.9, (2, 12)), most=8 / 12) == [0.4, 0.9]


def test_another_class_stays() -> None:
    assert kept(track(0.4, (0, 10)), track(0.9, (0, 10), label=1)) == [0.4, 0.9]


def test_frames_count_together() -> None:
    """The same columns, one of them in half of the frames: an IoU of a half."""
    both, half = track(0.9, (0, 10)), track(0.4, (0, 10), frames=(True, False))
    assert kept(both, half, most=0.5) == [0.9, 0.4]
    assert kept(both, half, most=0.49) == [0.9]


def test_what_overlaps_only_a_track_that_went_stays() -> None:
    # Neighbours share 6 of 14 columns, the first and the third 2 of 18.
    assert kept(track(0.9, (0, 10)), track(0.8, (4, 14)), track(0.7, (8, 18)), most=0.4) == [0.9, 0.7]


def test_without_tracks_there_are_none() -> None:
    assert kept() == []


def test_a_label_moves_by_its_height_to_the_nearer_side() -> None:
    assert free_line(50, 10, (0, 30), 100, []) == 50
    assert free_line(50, 10, (0, 30), 100, [(40, 60, 50)]) == 50  # beside it
    assert free_line(52, 10, (0, 30), 100, [(20, 60, 50)]) == 61
    assert free_line(48, 10, (0, 30), 100, [(20, 60, 50)]) == 39
    assert free_line(99, 10, (0, 30), 100, [(20, 60, 98)]) == 87  # there is no room below


boxes = st.tuples(st.integers(0, 80), st.integers(10, 40), st.integers(12, 100))


@given(st.lists(boxes, max_size=8))
def test_labels_never_lie_on_each_other_where_there_is_room(wanted: list[tuple[int, int, int]]) -> None:
    """A frame of 400 lines has room for eight labels of 12."""
    taken: list[tuple[int, int, int]] = []
    for left, width, bottom in wanted:
        line = free_line(bottom, 12, (left, left + width), 400, taken)
        assert 12 <= line <= 400
        for other_left, other_right, other in taken:
            assert left + width < other_left or other_right < left or abs(line - other) > 12
        taken.append((left, left + width, line))


@pytest.mark.parametrize(
    ("frames", "shape"),
    [(1, (1, 1)), (3, (1, 3)), (4, (1, 4)), (5, (1, 4)), (7, (2, 3)), (8, (2, 4)), (11, (3, 3)), (12, (3, 4))],
)
def test_rows_of_a_sheet_are_full(frames: int, shape: tuple[int, int]) -> None:
    assert sheet_shape(frames) == shape
