"""The same configuration gives the same bytes, however often the run is interrupted."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_run import configuration, history_of, train_here, vita, weights_of, write_configuration

from vita.core.run_config import RunConfig
from vita.engine.history import steps_of_row
from vita.engine.train import Trainer
from vita.engine.work_folder import exclusive


class InterruptionError(Exception):
    """Stands for whatever ends a run half-way."""


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """`interrupt_at(k)`: the next run ends before its step k (from 0); those after it are left alone."""
    step_of = Trainer._step

    def interrupt(at: int) -> None:
        def step(self: Trainer, number: int, clips: Any) -> float:
            if number != at:
                return step_of(self, number, clips)
            monkeypatch.setattr(Trainer, "_step", step_of)
            raise InterruptionError

        monkeypatch.setattr(Trainer, "_step", step)

    return interrupt


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_same_seed_same_bytes_with_any_number_of_workers(
    workers: int, videos: Path, finished: Path, tmp_path: Path
) -> None:
    folder = train_here(configuration(videos, workers=workers), tmp_path)
    assert weights_of(folder) == weights_of(finished)
    assert history_of(folder) == history_of(finished)


def test_another_seed_other_bytes(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    assert weights_of(train_here(config.model_copy(update={"seed": 1}), tmp_path)) != weights_of(finished)


@pytest.mark.parametrize("workers", [0, 1])
def test_interrupted_run_ends_as_an_uninterrupted_one(
    workers: int, videos: Path, finished: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
) -> None:
    config = configuration(videos, workers=workers)
    for step in (4, 7):  # checkpoints lie after 3 and after 6 steps
        interrupt_at(step)
        with pytest.raises(InterruptionError):
            train_here(config, tmp_path)
        assert not (tmp_path / "model.safetensors").exists()
    train_here(config, tmp_path)
    assert record_of(tmp_path)["resumed_at"] == [3, 6]
    assert weights_of(tmp_path) == weights_of(finished)
    assert history_of(tmp_path) == history_of(finished)


def test_interrupted_between_final_files(
    config: RunConfig, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights are there, history and record are not: the checkpoint still is, so nothing is lost."""
    with monkeypatch.context() as patch, pytest.raises(InterruptionError):
        patch.setattr("vita.engine.history.History.write", lambda *_: (_ for _ in ()).throw(InterruptionError))
        train_here(config, tmp_path)
    assert (tmp_path / "model.safetensors").exists() and not (tmp_path / "record.json").exists()
    train_here(config, tmp_path)
    assert record_of(tmp_path)["resumed_at"] == [6]
    assert weights_of(tmp_path) == weights_of(finished)
    assert history_of(tmp_path) == history_of(finished)


def test_validation_leaves_training_as_it_is(
    videos: Path, finished: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
) -> None:
    config = configuration(videos, validate_every=3, validate_at=(5,))
    interrupt_at(7)
    with pytest.raises(InterruptionError):
        train_here(config, tmp_path)
    train_here(config, tmp_path)
    assert weights_of(tmp_path) == weights_of(finished)
    rows = {int(row["step"]): row for row in history_of(tmp_path)}
    assert sorted(rows) == [2, 3, 4, 5, 6, 8]  # 3 and 5 have rows of their own
    measured = {step: float(row["validation_AP"]) for step, row in rows.items() if row["validation_AP"]}
    assert sorted(measured) == [3, 5, 6, 8]
    assert all(0 <= ap <= 100 for ap in measured.values())
    assert rows[3]["total"] == "" and float(rows[4]["total"]) > 0


def test_changed_configuration_starts_anew(
    config: RunConfig, videos: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
) -> None:
    interrupt_at(4)
    with pytest.raises(InterruptionError):
        train_here(config, tmp_path / "run")
    changed = configuration(videos, learning_rate=2e-3)
    train_here(changed, tmp_path / "run")
    assert record_of(tmp_path / "run")["resumed_at"] == []
    assert weights_of(tmp_path / "run") == weights_of(train_here(changed, tmp_path / "fresh"))


def test_changed_starting_weights_start_anew(
    config: RunConfig, finished: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
) -> None:
    first, second = finished / "model.safetensors", tmp_path / "start.safetensors"
    second.write_bytes(first.read_bytes())
    interrupt_at(4)
    with pytest.raises(InterruptionError):
        train_here(config, tmp_path / "run", first)
    # The same bytes elsewhere are the same start; other bytes are another.
    interrupt_at(5)
    with pytest.raises(InterruptionError):
        train_here(config, tmp_path / "run", second)
    second.write_bytes(weights_of(train_here(config, tmp_path / "other", first)))
    train_here(config, tmp_path / "run", second)
    resumed = json.loads((tmp_path / "run" / "record.json").read_text())["resumed_at"]
    assert resumed == []
    assert weights_of(tmp_path / "run") == weights_of(train_here(config, tmp_path / "fresh", second))


def test_same_starting_weights_elsewhere_go_on(
    config: RunConfig, finished: Path, tmp_path: Path, interrupt_at: Callable[[int], None]
) -> None:
    interrupt_at(4)
    with pytest.raises(InterruptionError):
        train_here(config, tmp_path / "run", finished / "model.safetensors")
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(weights_of(finished))
    train_here(config, tmp_path / "run", moved)
    assert record_of(tmp_path / "run")["resumed_at"] == [3]


def test_trainer_dies_with_its_parent_and_the_same_command_goes_on_to_the_same_bytes(
    videos: Path, tmp_path: Path
) -> None:
    config = configuration(videos, iterations=24, workers=1)
    folder, log = tmp_path / "run", tmp_path / "log"
    command = ["train", "--config", str(write_configuration(folder, config)), "--die-with-parent"]
    with log.open("w") as handle:
        # Two commands, so that the shell stays instead of becoming the trainer.
        script = f"{shlex.join([sys.executable, '-m', 'vita', *command])}; true"
        shell = subprocess.Popen(["sh", "-c", script], stdout=handle, stderr=handle)
        wait_for(folder / "work" / "last.pt", shell, log)
        shell.kill()
        shell.wait()
    with exclusive(folder / "work", patience_s=30):  # the lock is free as soon as no process of the trainer is left
        assert not (folder / "model.safetensors").exists()
    left = record_of(folder / "work")
    assert left["status"] == "interrupted" and 3 <= left["iterations"] < 24
    assert vita(*command[:-1]).code == 0
    assert record_of(folder)["resumed_at"] == [left["iterations"]]
    expected = train_here(config, tmp_path / "uninterrupted", every=steps_of_row(config.train.iterations))
    assert weights_of(folder) == weights_of(expected)
    assert history_of(folder) == history_of(expected)
    assert [path.name for path in (folder / "work").iterdir()] == ["lock"]


def wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the file is there; fails when the process ends first."""
    while not path.exists():
        assert process.poll() is None, log.read_text()
        time.sleep(0.01)


def test_half_written_checkpoint_of_a_killed_trainer_is_removed(config: RunConfig, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / ".last.pt.abc.part").write_bytes(b"half")
    train_here(config, tmp_path)
    assert [path.name for path in work.iterdir()] == ["lock"]
