"""Gains of tracks over predictions of single frames, by hand: one square passes behind another."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, prediction, video

from vita.evaluation.frames.frame_detections import FrameDetections
from vita.evaluation.occlusion.gain import Choice, ObjectGain, choose, mean_gain, object_gains
from vita.evaluation.occlusion.non_maximum_suppression import FramePrediction, distinct_predictions, distinct_tracks
from vita.evaluation.readers.detections import Detection, read_detections
from vita.evaluation.readers.ground_truth import GroundTruth, parse_ground_truth

HEIGHT, WIDTH, LENGTH = 12, 24, 8
SIZE = [HEIGHT, WIDTH]


def box(left: int, right: int) -> np.ndarray:
    """(12, 24) mask of rows 4 to 7 and the columns [left, right)."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[4:8, left:right] = 1
    return mask


# 8 columns wide, of which the other square leaves 4 in frames 2, 3 and 4.
BEHIND = [box(4, 12)] * 2 + [box(4, 8)] * 3 + [box(4, 12)] * 3
IN_FRONT = [box(14, 22)] * 2 + [box(8, 16)] * 3 + [box(14, 22)] * 3


def scene(**changes: Any) -> GroundTruth:
    """The square behind is object 7, that in front object 3; both of category 1, and category 2 is there too."""
    objects = [annotation(7, codes(BEHIND), **changes), annotation(3, codes(IN_FRONT), **changes)]
    return parse_ground_truth(ground_truth(objects, [video(1, HEIGHT, WIDTH, LENGTH)], (1, 2)), "gt")


def tracks(truth: GroundTruth, *entries: dict[str, Any]) -> list[Detection]:
    return read_detections(list(entries), truth, "predictions")


def single(mask: np.ndarray, score: float = 0.5, category: int = 1) -> FramePrediction:
    return FramePrediction(category, score, {"size": SIZE, "counts": code(mask)["counts"]})


def gain_of(gains: list[ObjectGain], identity: int) -> ObjectGain:
    return next(gain for gain in gains if gain.annotation.id == identity)


def test_one_track_against_the_best_of_each_frame() -> None:
    truth = scene()
    whole = prediction(codes([box(4, 12)] * LENGTH), 0.6)  # IoU 1/2 where half is hidden, else 1
    half = prediction(codes([None] * 2 + [box(4, 8)] * 3 + [None] * 3), 0.9)  # IoU 1 there, and no more of it
    found = {
        (1, 2): [single(box(4, 7)), single(box(4, 6))],  # 3 and 2 of 4 columns
        (1, 3): [single(box(4, 8), category=2)],  # of another category
        (1, 4): [single(box(4, 14))],  # 4 of 10
        (1, 0): [single(box(4, 12))],
    }
    gain = gain_of(object_gains(truth, tracks(truth, half, whole), found), 7)
    # Tube IoU over 5 frames of 32 and 3 of 16 pixels: 208 of 256 for the whole, 48 of 208 for the half.
    assert gain.track is not None and gain.track.score == 0.6
    assert gain.visibility.occluded == (2, 3, 4)
    assert gain.track_ious == {0: 1, 1: 1, 2: 0.5, 3: 0.5, 4: 0.5, 5: 1, 6: 1, 7: 1}
    assert gain.frame_ious == pytest.approx({0: 1, 1: 0, 2: 0.75, 3: 0, 4: 0.4, 5: 0, 6: 0, 7: 0})
    assert gain.means(occluded=True) == pytest.approx((0.5, 1.15 / 3))
    assert gain.gain(occluded=True) == pytest.approx(0.5 - 1.15 / 3)
    assert gain.gain(occluded=False) == pytest.approx(6.5 / 8 - 2.15 / 8)


def test_an_object_without_a_track_of_its_category() -> None:
    truth = scene()
    other = prediction(codes(BEHIND), 0.9, category_id=2)
    gains = object_gains(truth, tracks(truth, other), {})
    assert [gain.annotation.id for gain in gains] == [3, 7]
    assert all(gain.track is None and set(gain.track_ious.values()) == {0.0} for gain in gains)


def test_crowds_are_not_compared() -> None:
    assert object_gains(scene(iscrowd=1), [], {}) == []
    assert choose([]) is None


def chosen(truth: GroundTruth, *entries: dict[str, Any]) -> Choice:
    found = choose(object_gains(truth, tracks(truth, *entries), {}))
    assert found is not None
    return found


def test_only_occluded_objects_are_candidates() -> None:
    """The square in front has a perfect track, but is never occluded; that behind gains less, and is chosen."""
    truth = scene()
    choice = chosen(truth, prediction(codes(IN_FRONT), 0.9), prediction(codes([box(4, 12)] * LENGTH), 0.6))
    assert (choice.chosen.annotation.id, choice.occluded, len(choice.candidates)) == (7, True, 1)
    assert choice.chosen.gain(choice.occluded) == 0.5


def test_without_occlusion_all_frames_count() -> None:
    truth = scene(occlusion=["no_occlusion"] * 6 + ["slight_occlusion"] * 2)  # two frames are too few
    choice = chosen(truth, prediction(codes(IN_FRONT), 0.9))
    assert (choice.chosen.annotation.id, choice.occluded, len(choice.candidates)) == (3, False, 2)
    assert choice.chosen.gain(choice.occluded) == 1


def test_equal_gains_and_none() -> None:
    """The lowest id is chosen of equal ones, and something is chosen where nothing gains."""
    choice = chosen(scene(occlusion=["severe_occlusion"] * LENGTH))
    assert (choice.chosen.annotation.id, choice.chosen.gain(choice.occluded)) == (3, 0)


def test_the_mean_and_its_interval() -> None:
    """Two videos of one object each, of gains 1 and 0: a quarter of the draws have the first alone."""
    objects = [annotation(1, codes(BEHIND)), annotation(2, codes(BEHIND), video_id=2)]
    videos = [video(number, HEIGHT, WIDTH, LENGTH) for number in (1, 2)]
    truth = parse_ground_truth(ground_truth(objects, videos), "gt")
    gains = object_gains(truth, tracks(truth, prediction(codes(BEHIND))), {})
    found = mean_gain(gains, occluded=False, draws=4000)
    assert (found.score, found.low, found.high) == (0.5, 0, 1)
    assert found.above == pytest.approx(0.75, abs=0.03) and found.below == 0
    alone = mean_gain(gains[:1], occluded=False)
    assert (alone.score, alone.low, alone.high) == (1, 1, 1)


def test_a_mask_under_two_categories_is_kept_once() -> None:
    truth = scene()
    entries = (
        prediction(codes([box(4, 12)] * LENGTH), 0.6),
        prediction(codes([box(4, 12)] * LENGTH), 0.7, category_id=2),
        prediction(codes([box(4, 6)] * LENGTH), 0.5),  # a quarter of it
        prediction(codes([box(14, 22)] * LENGTH), 0.2),
    )
    assert [one.score for one in distinct_tracks(tracks(truth, *entries), truth, 0.3)] == [0.7, 0.5]


def test_predictions_of_one_frame_that_coincide_are_kept_once() -> None:
    first, second = FrameDetections(), FrameDetections()
    for into, frame, score, mask in (
        (first, 0, 0.6, box(4, 12)),
        (second, 0, 0.8, box(4, 10)),  # 6 of 8 columns
        (first, 1, 0.6, box(4, 12)),
        (second, 1, 0.8, box(4, 8)),  # 4 of 8: no more than a half
        (first, 2, 0.2, box(4, 12)),
    ):
        into.video_ids.append(1)
        into.frames.append(frame)
        into.scores.append(score)
        into.codes.append(code(mask)["counts"].encode())
    found = distinct_predictions({1: first, 2: second}, scene(), 0.3)
    kept = {place: [(one.category_id, one.score) for one in ones] for place, ones in found.items()}
    assert kept == {(1, 0): [(2, 0.8)], (1, 1): [(2, 0.8), (1, 0.6)]}
