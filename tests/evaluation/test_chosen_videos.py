"""Scores on the part of a data set that a local split validates on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_run import Ended, vita

from vita.core.files import write_json
from vita.data.local_split import make_local_split
from vita.data.masks import rle

MASK = np.zeros((1, 4, 6), bool)
MASK[0, :2, :3] = True
CODE = rle.encode(MASK)[0]
VIDEOS = range(1, 9)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Eight videos with one object each; found in those to be scored on, missed in the others."""
    document = {
        "videos": [{"id": n, "height": 4, "width": 6, "length": 1, "file_names": [f"{n}.jpg"]} for n in VIDEOS],
        "categories": [{"id": 5, "name": "cat"}],
        "annotations": [
            {"id": n, "video_id": n, "category_id": 5, "iscrowd": 0, "segmentations": [CODE]} for n in VIDEOS
        ],
    }
    write_json(tmp_path / "train.json", document)
    split = make_local_split("mine", tmp_path / "train.json", 0.25, seed=0)
    assert len(split.valid) == 2
    write_json(tmp_path / "split.json", split.model_dump(mode="json"))
    write_json(tmp_path / "pred.json", [track(number) for number in split.valid])
    return tmp_path


def track(video: int) -> dict[str, Any]:
    return {"video_id": video, "category_id": 5, "score": 0.9, "segmentations": [CODE]}


def evaluate(files: Path, *options: object) -> Ended:
    paths = ("--gt", files / "train.json", "--pred", files / "pred.json", "--out", files / "metrics.json")
    return vita("evaluate", *paths, *options)


def metrics(files: Path, *options: object) -> tuple[int, float]:
    ended = evaluate(files, *options)
    assert ended.code == 0, ended.errors
    content = json.loads((files / "metrics.json").read_text())
    return content["num_videos"], content["scores"]["ar1"]


def test_only_the_videos_of_the_list_count(files: Path) -> None:
    assert metrics(files) == (8, 0.25)  # two of eight objects
    assert metrics(files, "--videos", files / "split.json") == (2, 1.0)
    assert metrics(files, "--videos", files / "split.json", "--limit-videos", 1) == (1, 1.0)


def test_predictions_of_other_videos_are_left_out(files: Path) -> None:
    valid = json.loads((files / "split.json").read_text())["valid"]
    wrong = [track(number) | {"score": 1.0, "segmentations": [None]} for number in VIDEOS if number not in valid]
    write_json(files / "pred.json", [*wrong, *map(track, valid)])
    assert metrics(files, "--videos", files / "split.json") == (2, 1.0)


def test_a_list_of_other_ground_truth_is_refused(files: Path) -> None:
    (files / "train.json").write_text((files / "train.json").read_text() + " ")
    assert "made from another annotation file" in evaluate(files, "--videos", files / "split.json").message
