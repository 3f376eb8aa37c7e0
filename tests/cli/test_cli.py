"""The commands by hand, without Snakemake, from data to scores."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tiny_run import EVENTS, PLAN, content, files_in, vita, write_configuration

from vita.cli import main as cli
from vita.core.contract import UserError

COMMANDS = (
    *(["data", "synth"], ["data", "sheet"], ["train"], ["predict"], ["evaluate"], ["table", "runs"]),
    *(["convert", "config"], ["convert", "weights"], ["evaluate-frames"]),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help(command: list[str]) -> None:
    ended = vita(*command, "--help")
    assert ended.code == 0
    assert "Usage" in ended.out and "Traceback" not in ended.errors


def test_no_command_shows_all() -> None:
    shown = vita("--help").out
    assert all(name in shown for name in ("data", "train", "predict", "evaluate", "table"))


def test_missing_option_is_named() -> None:
    ended = vita("train")
    assert ended.code == 2 and "--config" in ended.errors


def test_from_data_to_scores(tmp_path: Path) -> None:
    root, run = tmp_path / "data", tmp_path / "run"
    config = content(root, iterations=2, decay_at=[])
    shapes = {"train_videos": 1, "valid_videos": 1, "train_frames": 3, "valid_frames": 4, "height": 32, "width": 48}
    dataset, plan = tmp_path / "dataset.yaml", tmp_path / "inference.yaml"
    dataset.write_text(yaml.safe_dump({**config["dataset"], "shapes": shapes}))
    plan.write_text(yaml.safe_dump(PLAN))
    path = write_configuration(run, config)
    assert vita("data", "synth", "--dataset", dataset).code == 0
    assert vita("train", "--config", path).code == 0
    weights, predictions = run / "model.safetensors", run / "predictions"
    files = ["--config", path, "--plan", plan, "--weights", weights, "--out", predictions]
    assert vita("predict", *files, "--inference", "half").code == 0
    truth, metrics = root / "valid" / "instances.json", run / "metrics" / "half.json"
    scored = vita("evaluate", "--gt", truth, "--pred", predictions / "half.json", "--out", metrics)
    assert scored.code == 0 and "1 videos, scores in points" in scored.out
    assert json.loads(metrics.read_text())["num_videos"] == 1
    made = ["config.yaml", EVENTS, "frame_detector.json", "history.csv", "metrics/half.json", "model.safetensors"]
    assert files_in(run) == [*made, "predict_record.json", "predictions/half.json", "record.json", "work/lock"]


def test_weights_of_the_command_line_come_before_the_configuration(tmp_path: Path) -> None:
    config = {**content(tmp_path / "data"), "start_from": "of_the_config.safetensors"}
    assert vita("data", "synth", "--dataset", write_dataset(tmp_path, config)).code == 0
    path = write_configuration(tmp_path / "run", config)
    assert vita("train", "--config", path).message == "of_the_config.safetensors: no such weights file"
    given = tmp_path / "given.safetensors"
    assert vita("train", "--config", path, "--weights", given).message == f"{given}: no such weights file"


def write_dataset(folder: Path, config: dict[str, object]) -> Path:
    shapes = {"train_videos": 1, "valid_videos": 1, "train_frames": 2, "valid_frames": 2, "height": 32, "width": 48}
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump({**config["dataset"], "shapes": shapes}))  # type: ignore[dict-item]
    return path


def test_user_errors_of_several_lines_become_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise UserError("first\nsecond")

    monkeypatch.setattr(cli, "app", fail)
    assert vita("train").message == "first second"


def test_faults_of_ours_keep_their_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "app", lambda: {}["no such key"])
    with pytest.raises(KeyError):
        vita("train")


def test_the_command_starts_without_heavy_imports() -> None:
    heavy = ("torch", "transformers", "pandas")
    script = f"import sys, vita.cli.main; print([name for name in {heavy} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "[]\n"


def test_predictions_are_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[object, ...]] = []
    monkeypatch.setattr("vita.engine.predict_run.predict_run", lambda *given: made.append(given))
    config = write_configuration(tmp_path, content(tmp_path / "data"))
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    files = ["--config", config, "--plan", tmp_path / "plan.yaml", "--weights", tmp_path / "w", "--out", tmp_path / "p"]
    assert vita("predict", *files).code == 0
    assert len(made) == 1
