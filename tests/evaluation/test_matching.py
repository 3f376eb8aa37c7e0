import numpy as np
import pytest

from vita.evaluation.matching import AREA_RANGES, match_detections, outside_area_ranges

NONE_IGNORED = np.zeros((len(AREA_RANGES), 2), bool)
NO_CROWD = np.zeros(2, bool)


def matches(ious: list[list[float]], crowd: np.ndarray = NO_CROWD, ignored: np.ndarray = NONE_IGNORED) -> np.ndarray:
    """(T, D) of area range `all`."""
    return matches_by_area(ious, crowd, ignored)[0]


def matches_by_area(ious: list[list[float]], crowd: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """(A, T, D)."""
    return match_detections(np.array(ious), crowd, ignored, np.zeros((len(AREA_RANGES), len(ious)), bool))[0]


def test_the_first_detection_takes_the_track_from_a_better_second_one() -> None:
    found = matches([[0.6, 0.0], [0.9, 0.0]])
    # Thresholds 0.5, 0.55, 0.6: the first; above, where it fails, the second; at 0.95 neither.
    assert found[:, 0].tolist() == [0, 0, 0, -1, -1, -1, -1, -1, -1, -1]
    assert found[:, 1].tolist() == [-1, -1, -1, 0, 0, 0, 0, 0, 0, -1]


def test_an_iou_equal_to_the_threshold_matches() -> None:
    assert matches([[0.75, 0.0]])[:, 0].tolist() == [0] * 6 + [-1] * 4


def test_the_best_free_track_is_taken() -> None:
    assert matches([[0.6, 0.8], [0.7, 0.9]])[0].tolist() == [1, 0]


def test_of_two_equal_tracks_the_later_is_taken() -> None:
    assert matches([[0.7, 0.7], [0.7, 0.7]])[0].tolist() == [1, 0]


def test_a_track_that_counts_comes_before_a_better_ignored_one() -> None:
    ignored = np.tile([True, False], (4, 1))
    assert matches([[0.9, 0.6]], ignored=ignored)[:, 0].tolist() == [1, 1, 1, 0, 0, 0, 0, 0, 0, -1]


def test_a_crowd_absorbs_several_detections_and_another_ignored_track_only_one() -> None:
    ignored = np.tile([True, False], (4, 1))
    twice = [[0.9, 0.0], [0.8, 0.0]]
    assert matches(twice, crowd=np.array([True, False]), ignored=ignored)[0].tolist() == [0, 0]
    assert matches(twice, ignored=ignored)[0].tolist() == [0, -1]


def test_area_ranges_are_matched_independently() -> None:
    ignored = NONE_IGNORED.copy()
    ignored[1, 0] = True
    found = matches_by_area([[0.9, 0.6]], NO_CROWD, ignored)
    assert found[:, 0, 0].tolist() == [0, 1, 0, 0]


def test_what_counts_neither_way() -> None:
    # The first detection gets an ignored track, the second one that counts, the third none.
    truth_ignored = np.tile([True, False], (4, 1))
    outside = np.zeros((4, 3), bool)
    outside[2] = True
    found, ignored = match_detections(np.array([[0.96, 0], [0, 0.96], [0, 0]]), NO_CROWD, truth_ignored, outside)
    assert found[0, 0].tolist() == [0, 1, -1]
    assert ignored[0, 0].tolist() == [True, False, False]
    # Outside the range: only the unmatched one is ignored for it.
    assert ignored[2, 0].tolist() == [True, False, True]


def test_without_ground_truth_detections_outside_the_range_are_ignored() -> None:
    outside = np.array([[False], [True], [False], [True]])
    found, ignored = match_detections(np.zeros((1, 0)), np.zeros(0, bool), np.zeros((4, 0), bool), outside)
    assert found.tolist() == [[[-1]] * 10] * 4
    assert ignored[:, :, 0].tolist() == [[flag] * 10 for flag in (False, True, False, True)]


@pytest.mark.parametrize(
    ("area", "ranges"),
    [
        (0, {"all", "small"}),
        (128**2 - 0.5, {"all", "small"}),
        (128**2, {"all", "small", "medium"}),
        (128**2 + 0.5, {"all", "medium"}),
        (256**2, {"all", "medium", "large"}),
        (256**2 + 0.5, {"all", "large"}),
    ],
)
def test_both_ends_of_an_area_range_belong_to_it(area: float, ranges: set[str]) -> None:
    inside = ~outside_area_ranges(np.array([area]))[:, 0]
    assert {name for name, flag in zip(AREA_RANGES, inside, strict=True) if flag} == ranges
