"""Our evaluator under the real `inference_on_dataset`, on one and on two processes."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from detectron2_checkout import needs_detectron2
from recorded_model import score
from shapes_yaml import write_yaml
from tiny_run import vita

pytestmark = needs_detectron2
REAL = Path(__file__).parents[3] / "shared" / "real"


@pytest.fixture
def predictions(videos: Path, tmp_path: Path) -> Path:
    """All objects of `valid` but the last of each video, and one of them a second time, as another category."""
    source = json.loads((videos / "valid" / "instances.json").read_text())
    last = {one["video_id"]: one["id"] for one in source["annotations"]}
    kept = [one for one in source["annotations"] if one["id"] not in last.values()]
    entries = [{key: one[key] for key in ("video_id", "category_id", "segmentations")} | {"score": 0.9} for one in kept]
    entries.append(entries[0] | {"category_id": entries[0]["category_id"] % 3 + 1, "score": 0.95})
    (tmp_path / "predictions.json").write_text(json.dumps(entries))
    return tmp_path / "predictions.json"


def scores_of_the_command(gt: Path, predictions: Path) -> tuple[dict[str, float], list[float], dict[str, float]]:
    """What `vita evaluate` says in points: main scores, AP's interval, AP by category."""
    told = json.loads(vita("evaluate", "--gt", gt, "--pred", predictions, "--json").out)
    by_name = {one["name"]: math.nan if one["ap"] is None else 100 * one["ap"] for one in told["per_category"]}
    main = {name.upper(): 100 * told["scores"][name] for name in ("ap", "ap50", "ap75", "ar1", "ar10")}
    return main, [100 * bound for bound in told["intervals"]["ap"]], by_name


def check(found: Any, gt: Path, predictions: Path) -> None:
    main, interval, by_category = scores_of_the_command(gt, predictions)
    segm = found["segm"]
    assert {name: segm[name] for name in main} == main and 0 < main["AP"] < 100
    assert [segm["AP_low"], segm["AP_high"]] == interval
    assert {name: segm[f"AP-{name}"] for name in by_category} == pytest.approx(by_category, nan_ok=True, abs=0)


def test_scores_are_those_of_the_command(videos: Path, predictions: Path, tmp_path: Path) -> None:
    from detectron2.evaluation import print_csv_format

    found = score(write_yaml(tmp_path, videos), predictions, tmp_path, tmp_path / "out")
    check(found, videos / "valid" / "instances.json", predictions)
    print_csv_format(found)
    assert len(json.loads((tmp_path / "out" / "results.json").read_text())) == len(json.loads(predictions.read_text()))
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["num_videos"] == 2


def test_two_processes_score_together(videos: Path, predictions: Path, tmp_path: Path) -> None:
    """Each has one of the two videos; the first scores both, the other says nothing."""
    program = [sys.executable, str(Path(__file__).with_name("recorded_model.py"))]
    paths = map(str, (write_yaml(tmp_path, videos), predictions, tmp_path))
    there = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    ended = subprocess.run([*program, *paths], env=there, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    found, others = (json.loads((tmp_path / f"scores{rank}.json").read_text()) for rank in (0, 1))
    assert others == {}
    check(found, videos / "valid" / "instances.json", predictions)


def test_labels_that_are_not_public(videos: Path, predictions: Path, tmp_path: Path) -> None:
    """Predictions are kept for a server, and nothing is scored."""
    source = json.loads((videos / "valid" / "instances.json").read_text())
    del source["annotations"]
    for part in ("valid", "train"):
        (tmp_path / "data" / part).mkdir(parents=True)
    (tmp_path / "data" / "valid" / "instances.json").write_text(json.dumps(source))
    (tmp_path / "data" / "valid" / "JPEGImages").symlink_to(videos / "valid" / "JPEGImages")
    found = score(write_yaml(tmp_path, tmp_path / "data"), predictions, tmp_path, tmp_path / "out")
    assert found == {}
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.json"]


@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL}")
@pytest.mark.parametrize(("method", "ap"), [("osvos", 0.383828), ("rvos", 0.502475)])
def test_real_predictions_score_as_another_evaluator_says(method: str, ap: float, tmp_path: Path) -> None:
    place = {"annotations": "instances.json", "frames": "frames"}
    yaml = write_yaml(tmp_path, REAL, "davis", train=place, valid=place)
    found = score(yaml, REAL / f"{method}.json", tmp_path, None)
    assert found["segm"]["AP"] == pytest.approx(100 * ap, abs=1e-4)
    assert found["segm"]["AP_low"] < found["segm"]["AP"] < found["segm"]["AP_high"]
