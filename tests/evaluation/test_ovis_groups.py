"""AP by light, medium and heavy occlusion as the authors of OVIS define it: scenes of frames of 2 x 4 pixels."""

from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video

from vita.core.contract import UserError
from vita.evaluation.occlusion.ovis_groups import OvisOcclusion, by_occlusion, degree
from vita.evaluation.readers.detections import read_detections
from vita.evaluation.readers.ground_truth import parse_ground_truth
from vita.evaluation.scoring import evaluate_detections, scores_of_counts

A, B, C = (np.eye(8)[place].reshape(2, 4) for place in (0, 3, 6))
FRAMES = 4


def labels(word: str) -> list[str | None]:
    """A letter a frame: n(o), l (slight), s(evere), or - where the object is not visible."""
    return [{"n": "no_occlusion", "l": "slight_occlusion", "s": "severe_occlusion", "-": None}[one] for one in word]


def groups(
    objects: list[dict[str, Any]], predictions: list[dict[str, Any]], draws: int = 0, videos: int = 1
) -> OvisOcclusion:
    all_videos = [video(key, length=FRAMES) for key in range(1, videos + 1)]
    truth = parse_ground_truth(ground_truth(objects, all_videos, (1, 2)), "gt")
    evaluation = evaluate_detections(truth, read_detections(predictions, truth, "predictions"))
    assert scores_of_counts(evaluation.counts).ap == evaluation.scores.ap
    return by_occlusion(truth, evaluation, draws, seed=0)


def marked(identity: int, mask: np.ndarray, word: str, **changes: Any) -> dict[str, Any]:
    return annotation(identity, codes([mask] * FRAMES), occlusion=labels(word), **changes)


def found(mask: np.ndarray, score: float, **changes: Any) -> dict[str, Any]:
    return prediction(codes([mask] * FRAMES), score, **changes)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("nnnn", 0),
        ("nnns", (0 + 0.75) / 2),  # the upper half of four frames: one severe, one of no occlusion
        ("nns", (0 + 0.75) / 2),  # of three frames: two
        ("nnll", 0.25),
        ("lsss", 0.75),
        ("n-s-", 0.75),  # where it is not visible does not count: one of two
        ("l---", 0.25),
    ],
)
def test_degree_is_the_mean_of_the_more_occluded_half(word: str, expected: float) -> None:
    short = {"n": "no", "l": "slight", "s": "severe"}
    assert degree([short.get(one) for one in word]) == expected  # type: ignore[misc]


def test_objects_of_other_groups_are_neither_gain_nor_cost() -> None:
    # Degrees 0, 0.375 and 0.75: one object a group. The second is not found; a prediction on nothing stands second.
    objects = [marked(1, A, "nnnn"), marked(2, B, "nnns"), marked(3, C, "ssss")]
    nothing = np.eye(8)[7].reshape(2, 4)
    light, medium, heavy = groups(objects, [found(A, 0.9), found(nothing, 0.8), found(C, 0.7)]).groups
    assert [group.objects for group in (light, medium, heavy)] == [1, 1, 1]
    # Light: found first. Heavy: the first prediction is on an object of another group and does not count, so the
    # object comes behind one wrong prediction: precision 1/2 at all recalls.
    assert light.scores.ap == pytest.approx(1)
    assert medium.scores.ap == 0
    assert heavy.scores.ap == pytest.approx(1 / 2)
    assert (heavy.scores.ar1, heavy.scores.ar10) == (0, 1)


def test_an_object_on_a_border_is_in_both_groups() -> None:
    # Degrees 0.25 (light and medium) and (0.25 + 0.75) / 2 = 0.5 (medium and heavy).
    light, medium, heavy = groups([marked(1, A, "llll"), marked(2, B, "nnls")], [found(A, 0.9)]).groups
    assert [group.objects for group in (light, medium, heavy)] == [1, 2, 1]
    # One of the two of medium occlusion, at recalls up to 1/2.
    assert [group.scores.ap for group in (light, medium, heavy)] == pytest.approx([1, 51 / 101, 0])


def test_an_ignored_object_is_taken_once_as_no_crowd_is() -> None:
    # Two predictions on the light object: for the heavy group the first is ignored, the second is wrong and comes
    # before the right one. (Ours of --breakdown takes other objects as crowds, which ignore both.)
    _, _, heavy = groups(
        [marked(1, A, "nnnn"), marked(2, B, "ssss")], [found(A, 0.9), found(A, 0.8), found(B, 0.7)]
    ).groups
    assert heavy.scores.ap == pytest.approx(1 / 2)


def test_crowds_and_objects_without_labels_are_in_no_group() -> None:
    objects = [marked(1, A, "nnnn"), marked(2, B, "nnnn", iscrowd=1), annotation(3, codes([C] * FRAMES))]
    light, medium, heavy = groups(objects, [found(B, 0.9), found(C, 0.8), found(A, 0.7)]).groups
    assert (light.objects, medium.objects, heavy.objects) == (1, 0, 0)
    assert light.scores.ap == pytest.approx(1)
    assert heavy.scores.ap == -1 and heavy.to_json()["ap"] is None
    with pytest.raises(UserError, match=r"no labels of occlusion.*leave --occlusion out"):
        groups([annotation(1, codes([A] * FRAMES))], [])


def test_intervals_are_of_the_videos_that_show_the_group() -> None:
    # Both videos show a light object, found in the first alone; one shows a heavy one, which gives no interval.
    objects = [marked(1, A, "nnnn"), marked(2, A, "nnnn", video_id=2), marked(3, B, "ssss", video_id=2)]
    light, medium, heavy = groups(objects, [found(A, 0.9)], draws=100, videos=2).groups
    assert light.interval is not None and light.interval.score == pytest.approx(51 / 101)
    # Draws of AP: 0, 51/101 and 1, reflected at 51/101.
    assert (light.interval.low, light.interval.high) == pytest.approx((2 * 51 / 101 - 1, 1))
    assert medium.interval is None and heavy.interval is None
    values = OvisOcclusion((light, medium, heavy)).further()
    assert [*values] == ["AP_light", "AP_medium", "AP_heavy"]
    assert values["AP_light"].to_json()["low"] == light.interval.low
    assert values["AP_medium"].to_json() == {"score": None}
