"""A contact sheet of a results file's tracks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_run import vita


@pytest.fixture
def dataset(videos: Path, tmp_path: Path) -> Path:
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    path = tmp_path / "dataset.yaml"
    path.write_text(json.dumps({"name": "own", "root": str(videos), **splits}))
    return path


def results(videos: Path, scores: list[float]) -> list[dict[str, Any]]:
    """The labels of `valid` as tracks, with these scores in turn."""
    labels = json.loads((videos / "valid" / "instances.json").read_text())["annotations"]
    return [
        {"video_id": one["video_id"], "category_id": one["category_id"], "score": score}
        | {"segmentations": one["segmentations"]}
        for one, score in zip(labels, scores * len(labels), strict=False)
    ]


def sheet(dataset: Path, out: Path, *options: object) -> bytes:
    ended = vita("data", "sheet", "--dataset", dataset, "--limit-videos", 2, "--frames", 3, "--out", out, *options)
    assert ended.code == 0, ended.errors
    return out.read_bytes()


def test_right_tracks_are_drawn_as_the_labels_are(videos: Path, dataset: Path, tmp_path: Path) -> None:
    predictions = tmp_path / "pred.json"
    predictions.write_text(json.dumps(results(videos, [0.9])))
    labels = sheet(dataset, tmp_path / "labels.png")
    assert sheet(dataset, tmp_path / "tracks.png", "--pred", predictions) == labels


def test_tracks_of_low_scores_are_left_out_and_each_thing_is_drawn_once(
    videos: Path, dataset: Path, tmp_path: Path
) -> None:
    predictions = tmp_path / "pred.json"
    right, low = results(videos, [0.9]), results(videos, [0.2])
    predictions.write_text(json.dumps([*right, *low, *right]))
    labels = sheet(dataset, tmp_path / "labels.png")
    assert sheet(dataset, tmp_path / "tracks.png", "--pred", predictions) == labels
    predictions.write_text(json.dumps(low))
    nothing = sheet(dataset, tmp_path / "nothing.png", "--pred", predictions)
    assert nothing != labels
    assert sheet(dataset, tmp_path / "low.png", "--pred", predictions, "--min-score", 0.1) == labels
