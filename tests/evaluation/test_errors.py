"""Scenes of frames of 1 x 20 pixels and two objects, each with one kind of error, that only its oracle mends."""

from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vita.core.contract import UserError
from vita.evaluation.errors.analysis import ErrorAnalysis, analyse_errors
from vita.evaluation.errors.scene import NOTHING, pair
from vita.evaluation.readers.detections import read_detections
from vita.evaluation.readers.ground_truth import parse_ground_truth

WIDTH, FRAMES = 20, 4


def span(first: int, last: int) -> np.ndarray:
    """One row of pixels, those from `first` to before `last` set."""
    columns = np.arange(WIDTH)
    return ((columns >= first) & (columns < last))[None]


DOT = span(0, 1)
LEFT, RIGHT, MIDDLE = span(0, 5), span(15, 20), span(8, 12)


def analyse(
    annotations: list[dict[str, Any]], predictions: list[dict[str, Any]], categories: tuple[int, ...] = (1, 2)
) -> ErrorAnalysis:
    videos = [video(height=1, width=WIDTH, length=FRAMES)]
    truth = parse_ground_truth(ground_truth(annotations, videos, categories), "gt")
    return analyse_errors(truth, read_detections(predictions, truth, "predictions"))


def alone(found: ErrorAnalysis) -> dict[str, float]:
    return {kind.name: kind.alone for kind in found.kinds if abs(kind.alone) > 1e-9}


def in_sequence(found: ErrorAnalysis) -> dict[str, float]:
    return {kind.name: kind.in_sequence for kind in found.kinds if abs(kind.in_sequence) > 1e-9}


def two_objects(**of_second: Any) -> list[dict[str, Any]]:
    return [annotation(1, codes([LEFT] * FRAMES)), annotation(2, codes([RIGHT] * FRAMES), **of_second)]


def test_no_error() -> None:
    found = analyse(two_objects(), [prediction(codes([LEFT] * 4), 0.9), prediction(codes([RIGHT] * 4), 0.8)])
    assert found.ap == pytest.approx(1)
    assert alone(found) == in_sequence(found) == {}


# Half of the two objects of the one category is found first: precision 1 up to recall 1/2, 51 of 101 recall levels.
HALF = 51 / 101


@pytest.mark.parametrize(
    ("kind", "masks", "changes"),
    [
        # Right in place, so right once its category is.
        ("classification", [RIGHT] * 4, {"category_id": 2}),
        # 2 of 5 pixels in each frame: IoU 0.4 is wrong at all thresholds, but lies on the object.
        ("mask", [span(15, 17)] * 4, {}),
    ],
)
def test_one_kind_in_one_track(kind: str, masks: list[Any], changes: dict[str, Any]) -> None:
    found = analyse(two_objects(), [prediction(codes([LEFT] * 4), 0.9), prediction(codes(masks), 0.8, **changes)])
    assert found.ap == pytest.approx(HALF)
    assert alone(found) == in_sequence(found) == {kind: pytest.approx(1 - HALF)}


def test_swapped_identities() -> None:
    # Each track is half on one object and half on the other: IoU 10 / 30 with both.
    first, second = [LEFT, LEFT, RIGHT, RIGHT], [RIGHT, RIGHT, LEFT, LEFT]
    found = analyse(two_objects(), [prediction(codes(first), 0.9), prediction(codes(second), 0.8)])
    assert found.ap == 0
    assert alone(found) == in_sequence(found) == {"association": pytest.approx(1)}


def test_a_track_in_two_pieces() -> None:
    # The first piece has 3 of 4 frames (IoU 0.75, right at 6 of 10 thresholds), the second one 1 of 4, and is wrong.
    pieces = [codes([LEFT, LEFT, LEFT, None]), codes([None, None, None, LEFT])]
    found = analyse([annotation(1, codes([LEFT] * 4))], [prediction(pieces[0], 0.9), prediction(pieces[1], 0.8)])
    assert found.ap == pytest.approx(0.6)
    assert alone(found) == in_sequence(found) == {"association": pytest.approx(0.4)}


def test_one_track_for_two_objects() -> None:
    # The track leaves the first object for the second one; linked anew, it is two tracks, each with all that is there.
    annotations = [annotation(1, codes([LEFT, LEFT, None, None])), annotation(2, codes([None, None, RIGHT, RIGHT]))]
    found = analyse(annotations, [prediction(codes([LEFT, LEFT, RIGHT, RIGHT]), 0.9)])
    # IoU 10 / 20 with either; one of two objects found at one threshold of ten.
    assert found.ap == pytest.approx(HALF / 10)
    assert alone(found)["association"] == pytest.approx(1 - HALF / 10)
    assert in_sequence(found) == {"association": pytest.approx(1 - HALF / 10)}


def test_a_missed_object() -> None:
    found = analyse(two_objects(), [prediction(codes([LEFT] * 4), 0.9)])
    assert found.ap == pytest.approx(HALF)
    assert alone(found) == in_sequence(found) == {"missed": pytest.approx(1 - HALF)}


def test_missed_frames() -> None:
    # 1 of 4 frames: IoU 0.25.
    found = analyse(
        two_objects(), [prediction(codes([LEFT] * 4), 0.9), prediction(codes([RIGHT, None, None, None]), 0.8)]
    )
    assert found.ap == pytest.approx(HALF)
    assert alone(found) == in_sequence(found) == {"missed": pytest.approx(1 - HALF)}


def test_a_spurious_track() -> None:
    # It comes first, so precision is 1/2 at recall 1/2 and 2/3 at 1; 2/3 is the highest at every recall.
    tracks = [(MIDDLE, 0.9), (LEFT, 0.8), (RIGHT, 0.7)]
    found = analyse(two_objects(), [prediction(codes([mask] * 4), score) for mask, score in tracks])
    assert found.ap == pytest.approx(2 / 3)
    assert alone(found) == in_sequence(found) == {"spurious": pytest.approx(1 / 3)}


def test_masks_where_the_object_is_gone() -> None:
    # The object is there in one of four frames, its track is on the background in the others: IoU 5 / (5 + 12).
    truth = [annotation(1, codes([LEFT, None, None, None]))]
    found = analyse(truth, [prediction(codes([LEFT, MIDDLE, MIDDLE, MIDDLE]), 0.9)])
    assert found.ap == 0
    assert alone(found) == in_sequence(found) == {"spurious": pytest.approx(1)}


def test_a_second_track_of_an_object_is_spurious() -> None:
    tracks = [prediction(codes([LEFT] * 4), score) for score in (0.9, 0.8)] + [prediction(codes([RIGHT] * 4), 0.7)]
    found = analyse(two_objects(), tracks)
    assert found.ap == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert alone(found) == in_sequence(found) == {"spurious": pytest.approx(1 - found.ap)}


def test_a_second_better_track_is_kept_alone() -> None:
    # The first is right up to 0.8 (4 of 5 pixels), the second beyond: without the second, 0.85 to 0.95 would be lost.
    tracks = [prediction(codes([span(0, 4)] * 4), 0.9), prediction(codes([LEFT] * 4), 0.8)]
    found = analyse([annotation(1, codes([LEFT] * 4))], tracks)
    assert found.ap == pytest.approx((7 * 1 + 3 * 1 / 2) / 10)
    assert "spurious" not in alone(found)
    assert sum(in_sequence(found).values()) == pytest.approx(1 - found.ap)


def test_opinions_about_the_category_are_one_error_of_classification() -> None:
    # The same masks under both categories, the wrong one more probable. Category 1: objects scored 0.9 and 0.3,
    # a wrong detection on a third object's... none; category 2 has an object that comes second to the wrong opinion.
    annotations = [*two_objects(), annotation(3, codes([MIDDLE] * 4), category_id=2)]
    tracks = [
        prediction(codes([LEFT] * 4), 0.9),
        prediction(codes([RIGHT] * 4), 0.3),
        prediction(codes([RIGHT] * 4), 0.6, category_id=2),
        prediction(codes([MIDDLE] * 4), 0.5, category_id=2),
    ]
    found = analyse(annotations, tracks)
    assert found.ap == pytest.approx((1 + 1 / 2) / 2)
    assert in_sequence(found) == {"classification": pytest.approx(1 / 4)}
    assert alone(found) == {"classification": pytest.approx(1 / 4), "spurious": pytest.approx(1 / 4)}


def test_crowds_are_no_objects() -> None:
    crowd = annotation(3, codes([MIDDLE] * 4), iscrowd=1)
    tracks = [prediction(codes([mask] * 4), 0.9) for mask in (MIDDLE, LEFT, RIGHT)]
    found = analyse([*two_objects(), crowd], tracks)
    assert found.ap == pytest.approx(1) and alone(found) == {}


def test_too_few_frames_are_missed_frames() -> None:
    found = analyse([annotation(1, codes([LEFT] * 4))], [prediction(codes([LEFT] * 3), 0.9)])
    assert found.ap == pytest.approx(0.6) and alone(found) == {"missed": pytest.approx(0.4)}


def test_no_object_at_all() -> None:
    with pytest.raises(UserError, match="no object to find"):
        analyse([], [prediction(codes([LEFT] * 4))])


def test_pairs_are_made_in_rounds() -> None:
    # Track 0 has the best score, but is right in place only under another category; track 1 comes before it.
    ious = np.array([[0.9, 0.0], [0.6, 0.0], [0.2, 0.3]])
    same = np.array([[False, False], [True, True], [True, True]])
    assert pair(ious, same, np.array([0.9, 0.5, 0.1])).tolist() == [NOTHING, 0, 1]
    assert pair(ious * 0.1, same, np.array([0.9, 0.5, 0.1])).tolist() == [NOTHING] * 3


SPANS = st.tuples(st.integers(0, WIDTH - 1), st.integers(1, 8)).map(lambda at: span(at[0], min(WIDTH, sum(at))))
TRACKS = st.lists(st.none() | SPANS, min_size=FRAMES, max_size=FRAMES)
VISIBLE = TRACKS.filter(lambda masks: any(mask is not None for mask in masks))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(VISIBLE, st.integers(1, 2)),
        min_size=1,
        max_size=4,
    ),
    st.lists(st.tuples(TRACKS, st.integers(1, 2), st.floats(0, 1)), max_size=6),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 2), st.floats(0, 1)), max_size=4),
)
@example(  # the fourth object's own track has it in one frame of two, IoU 1/2; the other track is the object
    objects=[([None, None, None, DOT], 1)] * 3 + [([None, None, DOT, None], 1)],
    free=[([None, DOT, DOT, None], 1, 0.0)],
    near=[(3, 1, 0.0)],
)
def test_all_oracles_together_give_the_ground_truth(objects: list[Any], free: list[Any], near: list[Any]) -> None:
    annotations = [annotation(n, codes(masks), category_id=c) for n, (masks, c) in enumerate(objects)]
    tracks = free + [(objects[n % len(objects)][0], category, score) for n, category, score in near]
    predictions = [prediction(codes(masks), score, category_id=c) for masks, c, score in tracks]
    found = analyse(annotations, predictions)
    assert found.ap + sum(kind.in_sequence for kind in found.kinds) == pytest.approx(1)
    gains = {kind.name: kind.alone for kind in found.kinds}
    assert gains["spurious"] >= -1e-9


def test_a_video_of_many_frames() -> None:
    frames = 300  # more masks than pycocotools measures at once
    truth = parse_ground_truth(
        ground_truth([annotation(1, codes([LEFT] * frames))], [video(height=1, width=WIDTH, length=frames)]), "gt"
    )
    found = analyse_errors(truth, read_detections([prediction(codes([span(0, 2)] * frames))], truth, "predictions"))
    assert in_sequence(found) == {"mask": pytest.approx(1)}
