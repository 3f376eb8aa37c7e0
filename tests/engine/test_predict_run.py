"""Predictions of a finished run."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import PLAN, files_in, plan

from vita.core.contract import Track, UserError, Video, VideoPrediction
from vita.core.dataset_config import LocalSplitConfig
from vita.core.files import sha256
from vita.core.plugins import find_method
from vita.core.run_config import PredictConfig, RunConfig, WeightsFile
from vita.data.masks import rle
from vita.data.ytvis import read_split
from vita.engine.checkpoint import save_weights
from vita.engine.inference_plan import InferencePlan
from vita.engine.predict import Predicted, results_of, write_predictions
from vita.engine.predict_run import predict_run
from vita.evaluation.scoring import evaluate_files

FRAMES, HEIGHT, WIDTH = 6, 32, 48


@pytest.fixture(scope="module")
def predicted(config: RunConfig, finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with both variants. Read only."""
    folder = tmp_path_factory.mktemp("predicted")
    predict_run(config, plan(), [], finished / "model.safetensors", folder / "predictions", folder)
    return folder


def entries(path: Path) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(path.read_text())
    return read


def test_files(predicted: Path) -> None:
    variants = [f"predictions/{name}.json" for name in sorted(PLAN["variants"])]
    assert files_in(predicted) == ["frame_detector.json", "predict_record.json", *variants]


@pytest.mark.parametrize("variant", PLAN["variants"])
def test_tracks(variant: str, predicted: Path, videos: Path) -> None:
    tracks = entries(predicted / "predictions" / f"{variant}.json")
    for video in (1, 2):
        scores = [track["score"] for track in tracks if track["video_id"] == video]
        assert len(scores) == PLAN["top_k"]
        assert all(first >= second for first, second in pairwise(scores)) and scores[-1] >= 0 and scores[0] <= 1
    assert len(tracks) == 2 * PLAN["top_k"]
    for track in tracks:
        assert set(track) == {"video_id", "category_id", "score", "segmentations"}
        assert track["category_id"] in (1, 2, 3)
        assert rle.decode(track["segmentations"], HEIGHT, WIDTH).shape == (FRAMES, HEIGHT, WIDTH)
    scores = evaluate_files(videos / "valid" / "instances.json", predicted / "predictions" / f"{variant}.json").scores
    assert 0 <= scores.ap <= 1


def test_variants_differ(predicted: Path) -> None:
    assert len({(predicted / "predictions" / f"{name}.json").read_text() for name in PLAN["variants"]}) == 2


def test_frame_detections(predicted: Path) -> None:
    found = entries(predicted / "frame_detector.json")
    assert {(entry["video_id"], entry["frame_index"]) for entry in found} == {
        (v, t) for v in (1, 2) for t in range(FRAMES)
    }
    for entry in found:
        assert set(entry) == {"video_id", "frame_index", "label", "score", "segmentation"}
        assert 0 <= entry["label"] < 3 and 0 <= entry["score"] <= 1
        assert np.asarray(rle.decode([entry["segmentation"]], HEIGHT, WIDTH)).shape == (1, HEIGHT, WIDTH)


def test_record(predicted: Path, finished: Path) -> None:
    record = json.loads((predicted / "predict_record.json").read_text())
    assert record["task"] == "predict" and record["status"] == "finished" and record["predict_time_s"] > 0
    assert record["frames"] == 2 * FRAMES
    assert record["weights_sha256"] == sha256(finished / "model.safetensors")
    assert record["part"] == "valid"
    assert record["config"] == plan().model_dump(mode="json")
    assert record["streamed_videos"] == 0


def test_videos_that_may_not_be_kept_are_streamed_and_said_to_be(
    config: RunConfig, finished: Path, predicted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vita.model.inference.KEPT_FRAMES", FRAMES - 1)
    frugal = plan().model_copy(update={"keep_gib": 0.0})
    predict_run(config, frugal, ["intact"], finished / "model.safetensors", tmp_path / "predictions", tmp_path)
    assert json.loads((tmp_path / "predict_record.json").read_text())["streamed_videos"] == 2
    ours, kept = (entries(folder / "predictions" / "intact.json") for folder in (tmp_path, predicted))
    assert [track["category_id"] for track in ours] == [track["category_id"] for track in kept]
    np.testing.assert_allclose([t["score"] for t in ours], [t["score"] for t in kept], atol=1e-5)


def test_some_variants_and_the_same_bytes_again(
    config: RunConfig, finished: Path, predicted: Path, tmp_path: Path
) -> None:
    weights = finished / "model.safetensors"
    predict_run(config, plan(), ["half"], weights, tmp_path / "predictions", tmp_path)
    assert files_in(tmp_path) == ["frame_detector.json", "predict_record.json", "predictions/half.json"]
    for name in ("frame_detector.json", "predictions/half.json"):
        assert (tmp_path / name).read_bytes() == (predicted / name).read_bytes()


def test_labels_become_the_category_ids_of_the_data_set() -> None:
    video = Video(id=9, name="v", height=1, width=1, frame_paths=())
    (entry,) = results_of(video, [Track(label=1, score=0.5, segmentations=[])], category_ids=(3, 40))
    assert entry == {"video_id": 9, "category_id": 40, "score": 0.5, "segmentations": []}


class Answering:
    """A method that finds the same tracks in every video."""

    training = False

    def __init__(self, tracks: list[Track]) -> None:
        self.tracks = tracks

    def predict(self, *_: object) -> VideoPrediction:
        return VideoPrediction({"none": self.tracks})

    def eval(self) -> None: ...

    def train(self, mode: bool) -> None: ...


def written(tracks: list[Track], videos: Path, out: Path) -> Predicted:
    split = read_split(videos / "valid" / "instances.json", videos / "valid" / "JPEGImages")
    wanted = PredictConfig(variants={"none": {}})
    asked = InferencePlan({"none": None}, {})
    return write_predictions(Answering(tracks), split, asked, wanted, out, out / "frames.json")  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_no_numbers_are_refused_and_nothing_is_left(videos: Path, tmp_path: Path, score: float) -> None:
    """As of weights that are finite, and overflow on the way."""
    with pytest.raises(UserError, match="scores of 'none' that are no numbers; the weights are of no use"):
        written([Track(label=0, score=score, segmentations=[None] * FRAMES)], videos, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_empty_lists_are_valid_files(videos: Path, tmp_path: Path) -> None:
    predicted = written([], videos, tmp_path)
    assert (predicted.frames, predicted.streamed_videos) == (2 * FRAMES, 0)
    assert entries(tmp_path / "none.json") == [] and entries(tmp_path / "frames.json") == []


def test_unknown_variant(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--inference third: not in the plan; allowed are intact, half"):
        predict_run(config, plan(), ["half", "third"], finished / "model.safetensors", tmp_path, tmp_path)


def test_weights_of_a_part_alone(config: RunConfig, tmp_path: Path) -> None:
    state = find_method("vita").build(config.options, 3).state_dict()
    save_weights({k: v for k, v in state.items() if k.startswith("detector.")}, tmp_path / "detector.safetensors")
    with pytest.raises(UserError, match="cannot predict: it lacks the parts class_head, frame_similarity"):
        predict_run(config, plan(), [], tmp_path / "detector.safetensors", tmp_path / "out", tmp_path)


def test_weights_for_another_number_of_classes(config: RunConfig, videos: Path, tmp_path: Path) -> None:
    save_weights(find_method("vita").build(config.options, 4).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UserError, match=r"trained for another number of classes than the 3 of .*instances\.json"):
        predict_run(config, plan(), [], tmp_path / "w.safetensors", tmp_path / "out", tmp_path)
    assert files_in(tmp_path) == ["w.safetensors"]


def test_weights_of_others_are_not_scored_on_their_own_training_videos(
    config: RunConfig, finished: Path, tmp_path: Path
) -> None:
    local = LocalSplitConfig(file=str(tmp_path / "absent.json"))
    dataset = config.dataset.model_copy(update={"validate_on": "local_split", "local_split": local})
    theirs = WeightsFile(file="theirs.pth", holds="video")
    config = config.model_copy(update={"dataset": dataset, "weights": theirs})
    with pytest.raises(UserError, match=r"weights of others, which saw all of `train`.*`validate_on: valid`"):
        predict_run(config, plan(), [], finished / "model.safetensors", tmp_path / "out", tmp_path)
    assert files_in(tmp_path) == []


def test_released_videos_whatever_is_scored_here(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    """For a server: the list of a local split, which is not even there, is not asked for."""
    local = LocalSplitConfig(file=str(tmp_path / "absent.json"))
    dataset = config.dataset.model_copy(update={"validate_on": "local_split", "local_split": local})
    other = config.model_copy(update={"dataset": dataset})
    weights, out = finished / "model.safetensors", tmp_path / "predictions"
    predict_run(other, plan(), ["intact"], weights, out, tmp_path, "released_valid")
    assert {entry["video_id"] for entry in entries(out / "intact.json")} == {1, 2}
    with pytest.raises(UserError, match=r"absent\.json: no such file"):
        predict_run(other, plan(), ["intact"], weights, out, tmp_path, "valid")
