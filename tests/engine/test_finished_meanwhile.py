"""Two jobs are asked for one training: the later one waits, and takes what the earlier one has finished."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import configuration, history_of, train_here, weights_of, write_videos

from vita.core.run_config import RunConfig
from vita.engine import train as train_module
from vita.engine import work_folder
from vita.engine.finished import ASKED_AT
from vita.engine.train import Trainer

FINAL = ("model.safetensors", "history.csv", "record.json")


def time_of(minutes: float) -> str:
    """From now on, as the workflow writes it."""
    return (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat(timespec="seconds")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that are taken from now on."""
    taken: list[int] = []
    step_of = Trainer._step

    def step(self: Trainer, number: int, clips: Any) -> float:
        taken.append(number)
        return step_of(self, number, clips)

    monkeypatch.setattr(Trainer, "_step", step)
    return taken


def start_trainer(work: Callable[[], Any], ready: Path) -> int:
    """The number of a process that does `work`, as soon as the file is there."""
    process = os.fork()
    if process == 0:
        try:
            torch.set_num_threads(1)
            work()
        finally:
            os._exit(0)
    while not ready.exists():
        pass
    return process


def test_the_later_one_waits_says_for_whom_and_finds_its_work_done(
    config: RunConfig,
    finished: Path,
    tmp_path: Path,
    steps: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    step_of = Trainer._step

    def slow(self: Trainer, number: int, clips: Any) -> float:
        (tmp_path / "begun").touch()
        os.system("sleep 0.4")
        return step_of(self, number, clips)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", slow)
        earlier = start_trainer(lambda: train_here(config, tmp_path / "run"), tmp_path / "begun")
    monkeypatch.setattr(work_folder, "PATIENCE_UNTOLD_S", 1.0)
    monkeypatch.setattr(work_folder, "BETWEEN_LINES_S", 0.5)
    train_here(config, tmp_path / "run")
    os.waitpid(earlier, 0)

    assert steps == []
    assert weights_of(tmp_path / "run") == weights_of(finished)
    assert history_of(tmp_path / "run") == history_of(finished)
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("waiting for")]
    assert len(said) >= 2
    assert all(f"waiting for process {earlier} on " in line and ", job 17, " in line for line in said)
    assert all(f"it holds {tmp_path / 'run' / 'work'}" in line for line in said)
    assert "; step " in said[-1] and " of 8 at " in said[-1]


def test_the_later_one_goes_on_when_the_earlier_one_is_killed(
    config: RunConfig, finished: Path, tmp_path: Path, steps: list[int]
) -> None:
    def until_killed() -> None:
        train_module.Trainer._after_step = lambda *_: signal.pause()  # type: ignore[method-assign]
        train_here(config, tmp_path)

    earlier = start_trainer(until_killed, tmp_path / "work" / "lock")
    os.kill(earlier, signal.SIGKILL)
    os.waitpid(earlier, 0)
    train_here(config, tmp_path)
    assert steps == list(range(8))
    assert weights_of(tmp_path) == weights_of(finished)


def without_outputs(folder: Path) -> None:
    """As Snakemake leaves a folder to the command."""
    for name in FINAL:
        (folder / name).unlink(missing_ok=True)


def test_finished_between_the_call_and_its_job_whose_outputs_the_workflow_deleted(
    config: RunConfig, finished: Path, tmp_path: Path, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED_AT, time_of(-60))
    train_here(config, tmp_path)
    assert len(steps) == 8
    record = json.loads((tmp_path / "record.json").read_text())
    without_outputs(tmp_path)

    monkeypatch.setenv(ASKED_AT, time_of(-1))
    train_here(config, tmp_path)
    assert len(steps) == 8
    assert weights_of(tmp_path) == weights_of(finished)
    assert history_of(tmp_path) == history_of(finished)
    assert json.loads((tmp_path / "record.json").read_text()) == record


def test_who_asks_for_a_finished_training_wants_it_anew(
    config: RunConfig, tmp_path: Path, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED_AT, time_of(-60))
    train_here(config, tmp_path)
    monkeypatch.setenv(ASKED_AT, time_of(+600))
    train_here(config, tmp_path)
    assert len(steps) == 2 * 8
    without_outputs(tmp_path)
    train_here(config, tmp_path)
    assert len(steps) == 3 * 8


@pytest.mark.parametrize("changed", ["configuration", "labels", "code", "start", "unfinished"])
def test_a_training_of_something_else_is_no_answer(
    changed: str, finished: Path, tmp_path: Path, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, run, start = tmp_path / "data", tmp_path / "run", None
    write_videos(data)
    monkeypatch.setenv(ASKED_AT, time_of(-60))
    train_here(configuration(data), run)
    without_outputs(run)
    if changed == "labels":
        labels = data / "train" / "instances.json"
        labels.write_text(labels.read_text() + "\n")
    if changed == "code":
        monkeypatch.setattr(train_module, "source_digest", lambda _: "another")
    if changed == "start":
        start = finished / "model.safetensors"
    if changed == "unfinished":
        (run / "work" / "finished" / "history.csv").unlink()
    train_here(configuration(data, **({"learning_rate": 2e-3} if changed == "configuration" else {})), run, start)
    assert len(steps) == 2 * 8


def test_a_checkpoint_of_other_labels_is_not_gone_on_from(
    tmp_path: Path, steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_videos(tmp_path / "data")
    config = configuration(tmp_path / "data")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_finish", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        train_here(config, tmp_path / "run")
    labels = tmp_path / "data" / "train" / "instances.json"
    labels.write_text(labels.read_text() + "\n")
    train_here(config, tmp_path / "run")
    assert len(steps) == 8 + 8  # not 8 + 2


def test_outside_a_workflow_nothing_is_kept_twice(config: RunConfig, tmp_path: Path) -> None:
    train_here(config, tmp_path)
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["lock"]


def test_further_names_take_no_room(config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ASKED_AT, time_of(-1))
    train_here(config, tmp_path)
    for name in FINAL:
        assert (tmp_path / name).samefile(tmp_path / "work" / "finished" / name)


def test_a_file_system_without_further_names(
    config: RunConfig, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED_AT, time_of(-1))
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "Operation not permitted")))
    train_here(config, tmp_path)
    without_outputs(tmp_path)
    train_here(config, tmp_path)
    assert weights_of(tmp_path) == weights_of(finished)
