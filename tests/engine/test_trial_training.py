"""A trial takes some steps of the whole schedule, says that it is one, and costs the training nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_run import (
    configuration,
    ending_before,
    files_in,
    history_of,
    train_here,
    vita,
    weights_of,
    write_configuration,
)

from vita.core.contract import UserError
from vita.core.run_config import RunConfig

FILES = ["history.csv", "model.safetensors", "record.json"]


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())


def test_a_trial_is_the_beginning_of_the_training(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    """5 steps of 8: of the row that they begin, the mean is over one step."""
    train_here(config, tmp_path, max_steps=5)
    assert files_in(tmp_path) == [*(f"trial/{name}" for name in FILES), "work/last.pt", "work/lock"]
    record = record_of(tmp_path / "trial")
    assert (record["status"], record["iterations"]) == ("trial", 5)
    whole, trial = history_of(finished), history_of(tmp_path / "trial")
    assert trial[:2] == whole[:2]
    assert [row["step"] for row in trial] == ["2", "4", "5"]
    assert weights_of(tmp_path / "trial") != weights_of(finished)


def test_rates_of_a_trial_are_those_of_the_whole_schedule(videos: Path, tmp_path: Path) -> None:
    """Warm-up over 2 steps to 1e-3, and a drop to a tenth after 6."""
    train_here(configuration(videos), tmp_path, every=1, max_steps=7)
    rates = [float(row["learning_rate"]) for row in history_of(tmp_path / "trial")]
    assert rates == pytest.approx([0.5e-3, *[1e-3] * 5, 1e-4])


@pytest.mark.parametrize("steps", [[4], [3, 5, 7]])
def test_the_training_goes_on_from_a_trial_to_the_same_bytes(
    steps: list[int], config: RunConfig, finished: Path, tmp_path: Path
) -> None:
    for count in steps:
        train_here(config, tmp_path, max_steps=count)
    train_here(config, tmp_path)
    assert record_of(tmp_path)["status"] == "finished"
    assert record_of(tmp_path)["resumed_at"] == steps
    assert weights_of(tmp_path) == weights_of(finished)
    assert history_of(tmp_path) == history_of(finished)
    assert record_of(tmp_path / "trial")["status"] == "trial"  # what it was


def test_an_interrupted_trial_goes_on(config: RunConfig, tmp_path: Path) -> None:
    with ending_before(4):
        train_here(config, tmp_path / "cut", max_steps=5)
    cut = train_here(config, tmp_path / "cut", max_steps=5) / "trial"
    whole = train_here(config, tmp_path / "whole", max_steps=5) / "trial"
    assert record_of(cut)["resumed_at"] == [3]
    assert weights_of(cut) == weights_of(whole)
    assert history_of(cut) == history_of(whole)


def test_a_trial_that_is_none_is_refused(config: RunConfig, tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match="--max-steps 8: the whole training has 8 steps; ask for fewer, or leave it out"
    ):
        train_here(config, tmp_path, max_steps=8)
    train_here(config, tmp_path, max_steps=5)
    with pytest.raises(UserError, match="at step 5 already, beyond --max-steps 4"):
        train_here(config, tmp_path, max_steps=4)


def test_a_trial_is_not_published(config: RunConfig, tmp_path: Path) -> None:
    train_here(config, tmp_path, max_steps=2)
    ended = vita("publish", tmp_path / "trial", "--out", tmp_path / "out", "--name", "mine")
    assert "of a training that is not finished (trial)" in ended.message


def test_the_command_tries_a_changed_training_in_a_folder_of_its_own(config: RunConfig, tmp_path: Path) -> None:
    file, out = write_configuration(tmp_path / "run", config), tmp_path / "try"
    command = ["train", "--config", file, "--set", "train.learning_rate=5e-4", "--set", "seed=3"]
    ended = vita(*command, "--out", out, "--max-steps", 2, "--watch", "none")
    assert ended.code == 0, ended.errors
    assert f"{out / 'trial'}: a trial of 2 of 8 steps" in ended.errors
    assert files_in(tmp_path / "run") == ["config.yaml"]
    record = record_of(out / "trial")
    assert (record["seed"], record["config"]["train"]["learning_rate"]) == (3, 5e-4)
    assert record["config"]["train"]["iterations"] == 8
