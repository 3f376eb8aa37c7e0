"""Agreement with recordings of the official YouTube-VIS evaluator, to the last bit."""

import hashlib
import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from vita.contract import UserError
from vita.evaluation.average_precision import RECALL_LEVELS
from vita.evaluation.evaluate import Evaluation, evaluate, evaluate_files
from vita.evaluation.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.matching import IOU_THRESHOLDS

RECORDINGS = Path(__file__).parents[1] / "golden" / "evaluator"


@pytest.fixture(scope="module", params=["general", "many", "edge"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def evaluation(name: str) -> Evaluation:
    return evaluate_files(RECORDINGS / f"{name}_gt.json", RECORDINGS / f"{name}_pred.json")


@pytest.fixture(scope="module")
def expected(name: str) -> dict:
    return json.loads((RECORDINGS / f"{name}_expected.json").read_text())


@pytest.fixture(scope="module")
def truth(name: str) -> GroundTruth:
    return load_ground_truth(RECORDINGS / f"{name}_gt.json")


def test_the_twelve_numbers(evaluation: Evaluation, expected: dict) -> None:
    scores, recorded = evaluation.scores, expected["stats"]
    assert scores.ap == recorded["AP"]
    assert scores.ap50 == recorded["AP50"]
    assert scores.ap75 == recorded["AP75"]
    assert (scores.ap_small, scores.ap_medium, scores.ap_large) == tuple(recorded[k] for k in ("APs", "APm", "APl"))
    assert (scores.ar1, scores.ar10, scores.ar100) == tuple(recorded[k] for k in ("AR1", "AR10", "AR100"))
    assert (scores.ar_small, scores.ar_medium, scores.ar_large) == tuple(recorded[k] for k in ("ARs", "ARm", "ARl"))
    assert sorted(astuple(scores)) == sorted(expected["stats_list"])


def test_precision_and_recall_arrays(name: str, evaluation: Evaluation, expected: dict) -> None:
    recorded = np.load(RECORDINGS / f"{name}_arrays.npz")
    np.testing.assert_array_equal(IOU_THRESHOLDS, recorded["iouThrs"])
    np.testing.assert_array_equal(RECALL_LEVELS, recorded["recThrs"])
    np.testing.assert_array_equal(evaluation.precision, recorded["precision"])
    np.testing.assert_array_equal(evaluation.recall, recorded["recall"])
    assert list(evaluation.precision.shape) == expected["precision_shape"]
    assert _sha256(evaluation.precision) == expected["precision_sha256_float64_C"]
    assert _sha256(evaluation.recall) == expected["recall_sha256_float64_C"]


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, np.float64).tobytes()).hexdigest()


def test_per_category_precision(evaluation: Evaluation, expected: dict) -> None:
    assert list(evaluation.per_category_ap) == expected["category_ids"]
    written = {str(entry["id"]): entry["ap"] for entry in evaluation.to_json()["per_category"]}
    assert written == expected["per_category_AP"]


def test_all_ious(evaluation: Evaluation, expected: dict) -> None:
    recorded = expected["ious_rows_are_predictions_sorted_by_score_cols_are_gt"]
    ours = {f"{g.video_id},{g.category_id}": g.ious.tolist() for g in evaluation.groups if len(g.scores)}
    assert ours == recorded


def test_all_matches_at_half(evaluation: Evaluation, expected: dict, truth: GroundTruth) -> None:
    recorded = {(e["video_id"], e["category_id"]): e for e in expected["matches_area_all"]}
    assert {(g.video_id, g.category_id) for g in evaluation.groups} == set(recorded)
    for group in evaluation.groups:
        entry = recorded[group.video_id, group.category_id]
        key = group.video_id, group.category_id
        ids = [a.id for a in truth.annotations if (a.video_id, a.category_id) == key]
        # Index -1 (unmatched) reads the 0 at the end, which is how the recording writes it.
        assert np.array([*ids, 0])[group.matches[0, 0]].tolist() == entry["dtMatches_at_0_50"]
        assert group.ignored[0, 0].tolist() == entry["dtIgnore_at_0_50"]
        assert group.scores.tolist() == entry["dtScores"]
        recorded_ignore = dict(zip(entry["gtIds"], entry["gtIgnore"], strict=True))
        assert dict(zip(ids, group.ground_truth_ignored[0].tolist(), strict=True)) == recorded_ignore


def test_special_cases() -> None:
    recorded = json.loads((RECORDINGS / "special.json").read_text())
    truth = load_ground_truth(RECORDINGS / "general_gt.json")
    detections = json.loads((RECORDINGS / "general_pred.json").read_text())
    whole = evaluate(truth, detections).scores

    # Here we differ on purpose: finding nothing is a result, 0, and a wrong file deserves a message.
    assert recorded["empty_prediction_list"] == "raises IndexError"
    nothing = evaluate(truth, []).scores
    assert (nothing.ap, nothing.ap_large, nothing.ar1, nothing.ar100) == (0, 0, 0, 0)
    assert recorded["unknown_video_id"] == "raises AssertionError"
    with pytest.raises(UserError, match="unknown video_id 999"):
        evaluate(truth, [*detections, {**detections[0], "video_id": 999}])

    assert recorded["unknown_category_id_is_ignored"] is True
    assert evaluate(truth, [*detections, {**detections[0], "category_id": 999}]).scores == whole
    assert recorded["prediction_with_fewer_frames_than_video"] == "runs silently (zip truncates)"
    short = {**detections[0], "segmentations": detections[0]["segmentations"][:-1]}
    assert evaluate(truth, [short, *detections[1:]]).precision.shape == (10, 101, 5, 4, 3)
