"""A method of the two calls that docs/extending.md promises, installed from elsewhere, meets every command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from tiny_run import PLAN, Ended, content, vita, write_configuration

from vita.core.plugins import find_method, installed_methods

ROOT = Path(__file__).parents[2]
NAME = "mymethod"
ASKED = {"variants": {"intact": {}}, "top_k": PLAN["top_k"]}


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests" / "workflow" / "third_party")
    assert NAME in installed_methods()
    assert [name for name in dir(find_method(NAME)) if not name.startswith("_")] == ["build", "read_variant"]


@pytest.fixture
def run(videos: Path, tmp_path: Path) -> Path:
    """The folder of a run of this method, with its configuration."""
    config: dict[str, Any] = content(videos) | {"method": NAME, "options": {}}
    (tmp_path / "inference.yaml").write_text(yaml.safe_dump(ASKED))
    return write_configuration(tmp_path, config).parent


def succeeded(ended: Ended) -> Ended:
    assert ended.code == 0, ended.errors
    return ended


def refused(ended: Ended, message: str) -> None:
    """In one line, with exit code 2."""
    assert ended.code == 2
    assert message in ended.errors
    assert "Traceback" not in ended.errors


def test_train_predict_and_evaluate(run: Path, videos: Path) -> None:
    succeeded(vita("train", "--config", run / "config.yaml"))
    weights, plan, out = run / "model.safetensors", run / "inference.yaml", run / "predictions"
    told = ("--config", run / "config.yaml", "--plan", plan, "--weights", weights, "--out", out)
    succeeded(vita("predict", *told))
    scores = run / "metrics" / "intact.json"
    succeeded(vita("evaluate", "--gt", videos / "valid/instances.json", "--pred", out / "intact.json", "--out", scores))
    assert json.loads(scores.read_text())["num_videos"] == 2
    frames = next((videos / "valid" / "JPEGImages").iterdir())
    refused(vita("demo", frames, *told[:2], *told[4:6], "--out", run / "demo"), "the demo needs them")


def test_models_has_its_row(tmp_path: Path) -> None:
    out = tmp_path / "models.csv"
    assert NAME in succeeded(vita("models", "--frames", 2, "--out", out)).out
    rows = pd.read_csv(out).set_index("method").loc[[NAME]]
    assert rows["backbone"].tolist() == ["default"]
    assert rows["parameters"].tolist() == [3 * 40 + 40]  # a 1x1 convolution from RGB to 40 classes
    assert rows["gflops_per_frame"].isna().all()  # it does not offer to be counted


def test_conformance_goes_on_beside_it(tmp_path: Path) -> None:
    """It has no recorded outputs: the others' are compared, and a recording under its name is nobody's."""
    shutil.copytree(ROOT / "tests" / "golden" / "augmentation", tmp_path / "augmentation")
    (tmp_path / NAME).mkdir()
    ended = succeeded(vita("conformance", tmp_path, "--no-full-size"))
    assert ", 0 failed" in ended.out
    assert NAME not in ended.out


def test_convert_says_that_there_is_nothing_to_convert(run: Path) -> None:
    succeeded(vita("train", "--config", run / "config.yaml"))
    weights = run / "model.safetensors"
    told = f"unknown official implementation of the method '{NAME}'; installed are: ifc, "
    ways = [("official", "out.pth"), ("ours", "out.safetensors")]
    for direction, name in ways:
        refused(vita("convert", "weights", weights, "--method", NAME, "--to", direction, "--out", run / name), told)
        assert not (run / name).exists()


def test_plan_counts_its_runs(tmp_path: Path) -> None:
    (tmp_path / "methods").mkdir()
    method = {"title": "Mine", "presets": {"tiny": {}}, "backbones": {"tiny": {}}, "variants": {"base": {}}}
    (tmp_path / "methods" / f"{NAME}.yaml").write_text(yaml.safe_dump(method | {"inference": {"intact": {}}}))
    tier = {"extends": "smoke", "methods": {NAME: {"preset": "tiny"}}, "experiments": ["table1"]}
    (tmp_path / "tier.yaml").write_text(yaml.safe_dump(tier))
    assert NAME in succeeded(vita("plan", "--tier", tmp_path / "tier.yaml", "--root", tmp_path)).out


def test_probe_says_what_it_lacks(tmp_path: Path) -> None:
    case = tmp_path / "case.yaml"
    case.write_text(f"{{method: {NAME}}}")
    refused(vita("probe", "--case", case, "--frames", 2), f"method {NAME} cannot be probed: it lacks `encode_frames`")
