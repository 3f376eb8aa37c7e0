"""Scores on validation videos while training goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tiny_run import configuration
from torch import nn

from vita.core.contract import FrameSource, UserError, VideoPrediction
from vita.engine.validation import Validation


class Onlooker(nn.Module):
    """Notes the frames that it is shown, and finds nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def predict(self, frames: FrameSource, variants: Mapping[str, Any], top_k: int) -> VideoPrediction:
        self.shapes.append(tuple(frames.read(0, 1).shape))
        return VideoPrediction({name: [] for name in variants})


@pytest.mark.parametrize(
    ("schedule", "size"),
    [
        ({}, (32, 48)),
        ({"validate_short_edge": 16}, (16, 24)),
        ({"validate_short_edge": 64, "validate_max_edge": 72}, (48, 72)),
    ],
)
def test_frames_of_the_size_that_prediction_uses(videos: Path, schedule: dict[str, int], size: tuple[int, int]) -> None:
    model = Onlooker()
    assert Validation(configuration(videos, validate_every=2, **schedule), None)(model).ap == 0
    assert model.shapes == [(1, 3, *size)] * 2  # both videos; 32 x 48 pixels as they are stored


@pytest.fixture
def spoilt(videos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(videos, tmp_path / "videos"))


def change_annotations(root: Path, **changes: Any) -> Path:
    path = root / "valid" / "instances.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | changes))
    return path


def test_videos_without_an_object_are_refused(spoilt: Path) -> None:
    document = json.loads((spoilt / "valid" / "instances.json").read_text())
    first, second = (video["id"] for video in document["videos"])
    of_second = [one for one in document["annotations"] if one["video_id"] == second]
    path = change_annotations(spoilt, annotations=of_second)
    with pytest.raises(UserError, match=r"no object to score in the first 1 validation videos; raise train\.validate_"):
        Validation(configuration(spoilt, validate_every=2, validate_videos=1), None)
    Validation(configuration(spoilt, validate_every=2, validate_videos=2), None)
    crowd = [{**of_second[0], "video_id": first, "iscrowd": 1}]
    change_annotations(spoilt, annotations=crowd)
    with pytest.raises(UserError, match=str(path)):
        Validation(configuration(spoilt, validate_every=2), None)


def test_hidden_labels_are_refused(spoilt: Path) -> None:
    change_annotations(spoilt, annotations=None)
    with pytest.raises(UserError, match="ground truth without annotations cannot be evaluated locally"):
        Validation(configuration(spoilt, validate_every=2), None)
