"""`vita evaluate --hota --occlusion`: what is printed and kept, and that nothing is where nothing was asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video
from tiny_run import vita

from vita.core.records import MetricsRecord, read_record

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """Two videos of one object each, of light and of heavy occlusion; that of the first is found."""
    labels = {1: ["no_occlusion", "slight_occlusion"], 2: ["severe_occlusion", "severe_occlusion"]}
    objects = [annotation(key, codes([LEFT, RIGHT]), video_id=key, occlusion=labels[key]) for key in (1, 2)]
    content = {
        "gt": ground_truth(objects, [video(1), video(2)]),
        "pred": [prediction(codes([LEFT, RIGHT]), 0.9), prediction(codes([RIGHT, LEFT]), 0.8, video_id=2)],
    }
    for name, one in content.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    return ["--gt", str(tmp_path / "gt.json"), "--pred", str(tmp_path / "pred.json"), "--draws", "50"]


def called(*arguments: object) -> str:
    ended = vita("evaluate", *arguments)
    assert ended.code == 0, ended.errors
    return ended.out


def row(text: str, name: str) -> list[str]:
    return next(line.split()[1:] for line in text.splitlines() if line.startswith(f"{name}  "))


def test_tables_of_what_was_asked(options: list[str]) -> None:
    text = called(*options, "--hota", "--occlusion")
    # Of 4 masks of objects and 4 predicted, 2 match: DetA 2/6. All matches are of one pair of tracks.
    assert row(text, "DetA")[0] == row(text, "DetA")[-1] == "33.33"
    assert row(text, "AssA")[0] == "100.00" and row(text, "DetRe")[0] == row(text, "DetPr")[0] == "50.00"
    assert row(text, "HOTA")[0] == f"{100 * (1 / 3) ** 0.5:.2f}"
    # Degree 0.25 of the upper half of two frames: light, and medium too.
    assert row(text, "light")[:6] == ["0", "to", "0.25", "1", "1", "100.00"]
    assert row(text, "medium")[:6] == ["0.25", "to", "0.5", "1", "1", "100.00"]
    assert row(text, "heavy")[:6] == ["0.5", "to", "1", "1", "1", "0.00"]


def test_the_metrics_file_holds_them(options: list[str], tmp_path: Path) -> None:
    called(*options, "--hota", "--occlusion", "--errors", "--out", tmp_path / "metrics.json")
    record = read_record(MetricsRecord, tmp_path / "metrics.json")
    assert record.hota["mean"]["DetA"] == pytest.approx(1 / 3)
    assert record.hota["per_category"][0].keys() == {"id", *record.hota["over_detections"]}
    assert [(group["name"], group["ap"]) for group in record.occlusion] == [
        ("light", pytest.approx(1)), ("medium", pytest.approx(1)), ("heavy", 0),
    ]  # fmt: skip
    assert {*record.further} == {
        "HOTA", "DetA", "AssA", "LocA", "AP_light", "AP_medium", "AP_heavy", "association", "association_optimal",
    }  # fmt: skip
    hota = record.further["HOTA"]
    assert hota.score == record.hota["mean"]["HOTA"]
    assert hota.low is not None and hota.high is not None and hota.low <= hota.score <= hota.high
    assert record.further["AP_light"].to_json() == {"score": pytest.approx(1)}  # one video shows it: no interval


def test_nothing_is_kept_that_was_not_asked(options: list[str], tmp_path: Path) -> None:
    called(*options, "--out", tmp_path / "metrics.json")
    keys = json.loads((tmp_path / "metrics.json").read_text()).keys()
    assert keys == {"scores", "per_category", "num_videos", "counts", "intervals", "draws", "seed", "content_sha256"}


def test_labels_of_occlusion_are_needed(options: list[str]) -> None:
    truth = Path(options[1])
    content: dict[str, Any] = json.loads(truth.read_text())
    for one in content["annotations"]:
        del one["occlusion"]
    truth.write_text(json.dumps(content))
    ended = vita("evaluate", *options, "--occlusion")
    assert ended.code == 2 and "no labels of occlusion" in ended.errors
