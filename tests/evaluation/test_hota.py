"""HOTA on masks: hand-made scenes of frames of 1 x 20 pixels, and recorded numbers of TrackEval."""

import importlib.util
import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from vita.evaluation.hota.matching import LOCALISATION_THRESHOLDS, Quantity, sums
from vita.evaluation.hota.scores import NAMES, Hota, evaluate_hota, scores_of
from vita.evaluation.readers.detections import read_detections
from vita.evaluation.readers.ground_truth import parse_ground_truth
from vita.evaluation.video_groups import FrameOverlaps

FRAMES, WIDTH = 4, 20
RECORDED = json.loads((Path(__file__).parent / "hota_recorded.json").read_text())


def span(first: int, last: int) -> np.ndarray:
    columns = np.arange(WIDTH)
    return ((columns >= first) & (columns < last))[None]


LEFT, RIGHT = span(0, 10), span(10, 20)


def hota(annotations: list[dict[str, Any]], predictions: list[dict[str, Any]], **changes: Any) -> Hota:
    videos = [video(key, 1, WIDTH, FRAMES) for key in (1, 2)]
    truth = parse_ground_truth(ground_truth(annotations, videos, (1, 2)), "gt")
    return evaluate_hota(truth, read_detections(predictions, truth, "predictions"), **changes)


def two_objects() -> list[dict[str, Any]]:
    return [annotation(1, codes([LEFT] * FRAMES)), annotation(2, codes([RIGHT] * FRAMES))]


def test_what_is_all_right_is_1() -> None:
    found = hota(two_objects(), [prediction(codes([mask] * FRAMES)) for mask in (LEFT, RIGHT)])
    assert found.mean is not None and astuple(found.mean) == pytest.approx((1,) * 8)
    assert found.over_detections == found.mean


def test_swapped_identities_cost_association_alone() -> None:
    # Each track is on each object in half of the frames: 8 masks match, each pair in 2 frames of 4 + 4 - 2.
    tracks = [[LEFT, LEFT, RIGHT, RIGHT], [RIGHT, RIGHT, LEFT, LEFT]]
    mean = hota(two_objects(), [prediction(codes(masks)) for masks in tracks]).mean
    assert mean is not None and (mean.det_a, mean.loc_a) == pytest.approx((1, 1))
    assert (mean.ass_a, mean.ass_re, mean.ass_pr) == pytest.approx((2 / 6, 2 / 4, 2 / 4))
    assert mean.hota == pytest.approx((2 / 6) ** 0.5)


def test_each_threshold_counts_the_masks_that_reach_it() -> None:
    # 6 of 10 pixels: IoU 0.6 reaches 12 of 19 thresholds; a second track on nothing costs 4 masks at each.
    found = hota(
        [annotation(1, codes([LEFT] * FRAMES))],
        [prediction(codes([span(0, 6)] * FRAMES), 0.9), prediction(codes([RIGHT] * FRAMES), 0.001)],
    )
    mean = found.mean
    assert mean is not None and mean.det_a == pytest.approx(12 / 19 * 4 / 8)
    assert (mean.det_re, mean.det_pr) == pytest.approx((12 / 19, 12 / 19 / 2))
    assert mean.ass_a == pytest.approx(12 / 19)
    assert mean.loc_a == pytest.approx((12 * 0.6 + 7) / 19)  # 1 where nothing matches
    assert mean.hota == pytest.approx(12 / 19 * 0.5**0.5)


def test_the_track_that_fits_the_whole_video_is_preferred() -> None:
    # In frame 1 both tracks are the object; the first track alone goes on with it. So all four matches are of one pair.
    masks = [[LEFT] * FRAMES, [LEFT, None, None, None]]
    mean = hota([annotation(1, codes([LEFT] * FRAMES))], [prediction(codes(track)) for track in masks]).mean
    assert mean is not None and mean.ass_a == pytest.approx(1)
    assert mean.det_a == pytest.approx(4 / 5)


def test_categories_count_alike_in_the_mean_and_by_their_masks_over_detections() -> None:
    # Category 1: one object of 4 masks, found. Category 2: two objects of 4 masks in another video, one of them found.
    objects = [annotation(1, codes([LEFT] * FRAMES))]
    objects += [
        annotation(key, codes([mask] * FRAMES), video_id=2, category_id=2) for key, mask in ((2, LEFT), (3, RIGHT))
    ]
    tracks = [prediction(codes([LEFT] * FRAMES), video_id=key, category_id=key) for key in (1, 2)]
    found = hota(objects, tracks)
    assert found.mean is not None and found.mean.det_a == pytest.approx((1 + 1 / 2) / 2)
    assert found.over_detections.det_a == pytest.approx(8 / 12)
    assert found.by_category[2].hota == pytest.approx(0.5**0.5)
    # A category without an object costs nothing in the mean, and its masks are spurious over detections.
    wrong = hota(two_objects(), [prediction(codes([LEFT] * FRAMES), category_id=2)])
    assert wrong.mean is not None and wrong.mean.hota == 0 and wrong.over_detections.det_pr == 0


def test_all_predictions_count_whatever_their_rank() -> None:
    # 101 tracks on nothing, and the right one behind them: AP sees 100 a category, HOTA all.
    wrong = [prediction(codes([RIGHT] * FRAMES), 0.9)] * 101
    mean = hota([annotation(1, codes([LEFT] * FRAMES))], [*wrong, prediction(codes([LEFT] * FRAMES), 0.1)]).mean
    assert mean is not None and (mean.det_re, mean.det_pr) == pytest.approx((1, 1 / 102))


def test_intervals_are_of_the_videos() -> None:
    objects = [annotation(key, codes([LEFT] * FRAMES), video_id=key) for key in (1, 2)]
    track = prediction(codes([LEFT] * FRAMES))
    found = hota(objects, [track], draws=200, seed=3)
    # One of two videos is found: draws have DetA 0, 1/2 and 1, and the basic interval reflects 0 to 1 at 1/2.
    assert (found.intervals["det_a"].low, found.intervals["det_a"].high) == (0, 1)
    assert found.intervals["det_a"].score == pytest.approx(1 / 2)
    assert hota(objects, [track], draws=200, seed=3) == found
    assert hota(objects[:1], [track], draws=200).intervals == {}  # one video with an object


def test_no_object_and_no_prediction() -> None:
    nothing = hota([], [prediction(codes([LEFT] * FRAMES))])
    assert nothing.mean is None and nothing.over_detections.hota == 0
    assert nothing.to_json()["mean"] is None
    missed = hota(two_objects(), [])
    assert missed.mean is not None and (missed.mean.hota, missed.mean.loc_a) == (0, 1)


@pytest.mark.parametrize("scene", RECORDED["scenes"], ids=lambda scene: "x".join(map(str, scene["shape"])))
def test_equal_to_trackeval_as_recorded(scene: dict[str, Any]) -> None:
    found = sums(overlaps(scene))
    assert found[Quantity.MATCHED].tolist() == scene["matched"]
    assert dict(zip(NAMES.values(), scores_of(found[None])[0], strict=True)) == pytest.approx(
        scene["scores"], abs=1e-12
    )


def test_sums_of_scenes_add_up_as_trackeval_combines_them() -> None:
    together = np.sum([sums(overlaps(scene)) for scene in RECORDED["scenes"]], axis=0)
    found = dict(zip(NAMES.values(), scores_of(together[None])[0], strict=True))
    assert found == pytest.approx(RECORDED["together"], abs=1e-12)


def overlaps(scene: dict[str, Any]) -> FrameOverlaps:
    frames, objects, tracks = scene["shape"]
    return FrameOverlaps(
        np.array(scene["ious"], np.float64).reshape(frames, objects, tracks),
        np.array(scene["visible"], bool).reshape(frames, objects),
        np.array(scene["predicted"], bool).reshape(frames, tracks),
    )


@pytest.mark.skipif(
    importlib.util.find_spec("trackeval") is None,
    reason="needs TrackEval (pip install --no-deps trackeval==1.3.0; its dependencies would replace headless OpenCV)",
)
@given(st.data())
def test_equal_to_trackeval_beside_it(data: st.DataObject) -> None:
    from trackeval.metrics.hota import HOTA

    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 3))
    visible, predicted = (data.draw(arrays.arrays(bool, (shape[0], side))) for side in shape[1:])
    ious = data.draw(arrays.arrays(np.float64, shape, elements=st.floats(0.01, 1), unique=True))
    ious = ious * visible[:, :, None] * predicted[:, None, :]
    rows, columns = ([np.flatnonzero(there) for there in side] for side in (visible, predicted))
    theirs = HOTA().eval_sequence(
        {
            "num_gt_ids": shape[1], "num_tracker_ids": shape[2],
            "num_gt_dets": int(visible.sum()), "num_tracker_dets": int(predicted.sum()),
            "gt_ids": rows, "tracker_ids": columns,
            "similarity_scores": [of[np.ix_(*there)] for of, *there in zip(ious, rows, columns, strict=True)],
        }
    )  # fmt: skip
    ours = scores_of(sums(FrameOverlaps(ious, visible, predicted))[None])[0]
    assert len(theirs["HOTA"]) == len(LOCALISATION_THRESHOLDS)
    assert dict(zip(NAMES.values(), ours, strict=True)) == pytest.approx(
        {name: float(theirs[name].mean()) for name in NAMES.values()}, abs=1e-9
    )
