"""Mistakes in files to evaluate, through the command line: one line says what and where; exit code 2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_run import files_in, vita

PREDICTIONS: dict[str, tuple[Any, str]] = {
    "a mapping": ({}, "predictions must be a list of objects, one a track"),
    "unknown video": (
        [{"video_id": 77, "category_id": 1, "score": 0.5, "segmentations": [None] * 6}],
        "prediction 0: unknown video_id 77; it must be the id of a video of the ground truth, as 0 of 1 predictions "
        "have; is it of another data set, or of another part?",
    ),
    "no score": (
        [{"video_id": 1, "category_id": 1, "segmentations": [None] * 6}],
        "prediction 0: `score` must be a finite number, not None",
    ),
}


@pytest.mark.parametrize("predictions, expected", PREDICTIONS.values(), ids=PREDICTIONS.keys())
def test_predictions(predictions: Any, expected: str, videos: Path, tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(predictions))
    truth, out = videos / "valid" / "instances.json", tmp_path / "metrics.json"
    assert vita("evaluate", "--gt", truth, "--pred", path, "--out", out).message == f"{path}: {expected}"
    assert files_in(tmp_path) == ["predictions.json"]


def test_files_to_evaluate_that_are_not_json(videos: Path, tmp_path: Path) -> None:
    (path := tmp_path / "predictions.json").write_text("[{")
    truth = videos / "valid" / "instances.json"
    assert vita("evaluate", "--gt", truth, "--pred", path).message.startswith(f"{path}: not valid JSON: ")
    assert vita("evaluate", "--gt", path, "--pred", path).message.startswith(f"{path}: not valid JSON: ")
    assert vita("evaluate", "--gt", truth, "--pred", tmp_path / "x").message == f"{tmp_path}/x: no such file"
    assert vita("evaluate", "--gt", truth, "--pred", tmp_path).message == f"{tmp_path}: cannot be read: Is a directory"


def test_metrics_that_cannot_be_written(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "predictions.json").write_text("[]")
    (tmp_path / "metrics.json").mkdir()
    files = ["--pred", tmp_path / "predictions.json", "--out", tmp_path / "metrics.json"]
    message = vita("evaluate", "--gt", videos / "valid" / "instances.json", *files).message
    assert message.startswith(f"cannot write {tmp_path}/metrics.json: Is a directory")
    assert files_in(tmp_path) == ["predictions.json"]
