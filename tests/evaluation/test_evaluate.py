import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, prediction, strip, video
from hypothesis import given, settings
from hypothesis import strategies as st
from resampler import scores_from_counts

from vita.core.contract import UserError
from vita.evaluation.counts import Counts
from vita.evaluation.readers.ground_truth import parse_ground_truth
from vita.evaluation.scoring import Evaluation, evaluate, evaluate_files

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]
OFFICIAL = Path(__file__).parents[1] / "golden" / "evaluator"


def score(annotations: list[dict[str, Any]], predictions: list[dict[str, Any]], **changes: Any) -> Evaluation:
    return evaluate(parse_ground_truth(ground_truth(annotations, **changes), "gt"), predictions)


def test_one_exact_track_scores_one() -> None:
    scores = score([annotation(1, codes([LEFT, RIGHT]))], [prediction(codes([LEFT, RIGHT]))]).scores
    assert (scores.ap, scores.ap50, scores.ap75, scores.ar1, scores.ar10, scores.ap_small) == pytest.approx((1,) * 6)
    assert (scores.ap_medium, scores.ap_large) == (-1, -1)


def test_thresholds_by_hand() -> None:
    # 10 of 14 pixels in common, IoU 5/7 = 0.714: right at 0.50, 0.55, 0.60, 0.65 and 0.70, half of the ten thresholds.
    masks = codes([strip(20, 7)] * 2), codes([strip(20, 5)] * 2)
    scores = score([annotation(1, masks[0])], [prediction(masks[1])], videos=[video(height=1, width=20)]).scores
    assert (scores.ap, scores.ap50, scores.ap75, scores.ar1) == pytest.approx((0.5, 1, 0, 0.5))


def test_ground_truth_of_id_0_can_be_found() -> None:
    masks = codes([LEFT, None])
    assert score([annotation(0, masks)], [prediction(masks)]).scores.ap == pytest.approx(1)


def test_the_listed_areas_decide_the_size_and_the_masks_when_none_are_listed() -> None:
    masks = codes([LEFT, RIGHT])
    listed = score([annotation(1, masks, areas=[None, 256**2 + 1])], []).scores
    assert (listed.ap_small, listed.ap_large) == (-1, 0)
    unlisted = score([annotation(1, masks)], []).scores
    assert (unlisted.ap_small, unlisted.ap_large) == (0, -1)


def test_a_detection_on_a_crowd_is_no_mistake() -> None:
    crowd, other = annotation(1, codes([LEFT, None]), iscrowd=1), annotation(2, codes([RIGHT, None]))
    detections = [prediction(codes([LEFT, None]), 0.9), prediction(codes([RIGHT, None]), 0.5)]
    assert score([crowd, other], detections).scores.ap == pytest.approx(1)


def test_only_the_best_hundred_of_a_video_and_category_count() -> None:
    truth = [annotation(1, codes([LEFT, None]))]
    wrong = [prediction(codes([RIGHT, None]), 0.9)]
    right = prediction(codes([LEFT, None]), 0.1)
    assert score(truth, [*wrong * 99, right]).scores.ar100 == 1
    assert score(truth, [*wrong * 100, right]).scores.ar100 == 0


def test_no_predictions_score_zero() -> None:
    evaluation = score([annotation(1, codes([LEFT, None]))], [])
    scores = evaluation.scores
    assert (scores.ap, scores.ap50, scores.ap75, scores.ar1, scores.ar10) == (0, 0, 0, 0, 0)
    assert evaluation.per_category_ap == {1: 0}


def test_no_ground_truth_scores_minus_one_and_null_in_json() -> None:
    evaluation = score([], [prediction(codes([LEFT, None]))])
    assert set(asdict(evaluation.scores).values()) == {-1}
    assert set(evaluation.record().scores.values()) == {None}


def test_unknown_category_is_ignored() -> None:
    masks = codes([LEFT, None])
    detections = [prediction(masks, 0.1), prediction(masks, 0.9, category_id=99)]
    assert score([annotation(1, masks)], detections).scores.ap == pytest.approx(1)


def test_unknown_video_is_named() -> None:
    with pytest.raises(UserError, match=r"prediction 1: unknown video_id 77"):
        score([], [prediction([None, None]), prediction([None, None], video_id=77)])


def test_a_track_of_fewer_frames_is_scored_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    evaluation = score([annotation(1, codes([LEFT, RIGHT]))], [prediction(codes([LEFT]))])
    assert evaluation.groups[0].ious.tolist() == [[1]]
    assert "1 predictions list more or fewer frames" in caplog.text


@pytest.mark.parametrize("name", ["general", "many", "edge"])
def test_kept_counts_give_the_same_scores(name: str) -> None:
    evaluation = evaluate_files(OFFICIAL / f"{name}_gt.json", OFFICIAL / f"{name}_pred.json")
    read = Counts.from_json(json.loads(json.dumps(evaluation.record().to_json()))["counts"])
    direct = {key: getattr(evaluation.scores, key) for key in ("ap", "ap50", "ap75", "ar1", "ar10")}
    assert asdict(scores_from_counts(read)) == direct
    assert asdict(scores_from_counts(read, dict.fromkeys(read.video_ids, 1))) == direct


def test_a_weighted_score_is_the_score_of_the_repeated_data() -> None:
    truth, detections = (json.loads((OFFICIAL / f"general_{name}.json").read_text()) for name in ("gt", "pred"))
    weights = {10: 2, 13: 0, 16: 1, 19: 3, 22: 1, 25: 0}
    copies = {100 * key + copy: key for key, times in weights.items() for copy in range(times)}
    repeated: dict[str, Any] = {"categories": truth["categories"]}
    repeated["videos"] = _repeat(truth["videos"], copies, "id")
    repeated["annotations"] = _repeat(truth["annotations"], copies, "video_id")
    for identity, entry in enumerate(repeated["annotations"]):
        entry["id"] = identity
    direct = evaluate(parse_ground_truth(repeated, "gt"), _repeat(detections, copies, "video_id")).scores
    counts = evaluate(parse_ground_truth(truth, "gt"), detections).counts
    weighted = asdict(scores_from_counts(counts, weights))
    assert weighted == pytest.approx({key: getattr(direct, key) for key in weighted}, abs=1e-12)


def _repeat(entries: list[dict[str, Any]], copies: dict[int, int], key: str) -> list[dict[str, Any]]:
    return [{**entry, key: copy} for copy, origin in copies.items() for entry in entries if entry[key] == origin]


def test_limited_to_the_first_videos_by_id(tmp_path: Path) -> None:
    videos = [video(7), video(3)]
    masks = codes([LEFT, None])
    truth = ground_truth([annotation(1, masks, video_id=7), annotation(2, masks, video_id=3)], videos)
    detections = [prediction(masks, video_id=7), prediction(masks, video_id=3)]
    _write(tmp_path, truth, detections[1:])
    whole, limited = (evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json", limit) for limit in (None, 1))
    assert (whole.scores.ar1, limited.scores.ar1) == (0.5, 1)
    assert limited.counts.video_ids == (3,)
    # Detections of the other known video are left out; those of an unknown one are still an error.
    _write(tmp_path, truth, detections)
    assert evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json", 1).scores == limited.scores
    _write(tmp_path, truth, [prediction(masks, video_id=8)])
    with pytest.raises(UserError, match="unknown video_id 8"):
        evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json", 1)
    _write(tmp_path, truth, detections)
    with pytest.raises(UserError, match="at least 1"):
        evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json", 0)


def _write(folder: Path, truth: Any, predictions: Any) -> None:
    (folder / "gt.json").write_text(json.dumps(truth))
    (folder / "pred.json").write_text(json.dumps(predictions))


def test_a_malformed_mask_in_a_file_is_named(tmp_path: Path) -> None:
    good, bad = code(LEFT), {"size": [2, 4], "counts": "11"}
    _write(tmp_path, ground_truth([annotation(5, [good, good])]), [prediction([good, bad])])
    with pytest.raises(UserError, match=r"pred\.json: prediction 0, frame 1 .*malformed"):
        evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json")


def test_files_that_are_no_json(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gt\.json: no such file"):
        evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json")
    (tmp_path / "gt.json").write_text("{")
    with pytest.raises(UserError, match=r"gt\.json: not valid JSON"):
        evaluate_files(tmp_path / "gt.json", tmp_path / "pred.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_id": None}, r"prediction 0: `video_id` must be a whole number, not None"),
        ({"category_id": "1"}, r"prediction 0: `category_id` must be a whole number, not '1'"),
        ({"score": "high"}, r"prediction 0: `score` must be a finite number, not 'high'"),
        ({"score": float("nan")}, r"prediction 0: `score` must be a finite number"),
        ({"segmentations": None}, r"prediction 0: `segmentations` must be a list"),
        ({"segmentations": [code(LEFT), code([[1]])]}, r"prediction 0, frame 1 .*\[1, 1\].*\[2, 4\]"),
        ({"segmentations": [7]}, r"prediction 0, frame 0 .*run-length"),
        ({"segmentations": [{"size": [2, 4]}]}, r"prediction 0, frame 0 .*counts"),
        ({"segmentations": [{"size": [2, 4], "counts": 3}]}, r"prediction 0, frame 0 .*run.length"),
        ({"segmentations": [{"size": [2, 4], "counts": ""}]}, r"prediction 0, frame 0 .*run-length"),
        ({"segmentations": [{"size": [2, 4], "counts": "é"}]}, r"prediction 0, frame 0 .*run-length"),
        ({"segmentations": [{"size": [2, 4], "counts": [1, 2]}]}, r"prediction 0, frame 0 .*3 pixels"),
        ({"segmentations": [{"size": [2, 4], "counts": [9, -1]}]}, r"prediction 0, frame 0 .*"),
        ({"segmentations": [[[1, 2]]]}, r"prediction 0, frame 0 .*polygon"),
    ],
)
def test_bad_predictions(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        score([], [{**prediction([None, None]), **change}])


@pytest.mark.parametrize("predictions", [{}, [3], "tracks"])
def test_predictions_of_another_type(predictions: Any) -> None:
    with pytest.raises(UserError, match=r"must be (a list|an object)"):
        score([], predictions)


@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_order_of_both_files_does_not_matter(order: list[int], seed: int) -> None:
    generator = np.random.default_rng(seed)
    masks = [codes(generator.integers(0, 2, (2, 2, 4))) for _ in range(6)]
    truth = [annotation(n + 1, masks[n], video_id=1 + n % 2) for n in range(6)]
    noisy = [codes(generator.integers(0, 2, (2, 2, 4)) if n % 3 == 0 else [LEFT, RIGHT]) for n in range(6)]
    found = [prediction(noisy[n], score=n / 7, video_id=1 + n % 2) for n in range(6)]
    videos = [video(1), video(2)]
    direct = score(truth, found, videos=videos).scores
    assert score([truth[n] for n in order], [found[n] for n in order], videos=videos[::-1]).scores == direct
