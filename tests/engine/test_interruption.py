"""A signal that asks for an end: a checkpoint at the end of the step, and the same bytes in the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from test_processes import together
from tiny_run import (
    PLAN,
    configuration,
    files_in,
    history_of,
    told_besides_progress,
    train_here,
    vita,
    weights_of,
    write_configuration,
)

from vita.core.config_base import dump, parse
from vita.core.contract import Interrupted
from vita.core.run_config import PredictConfig, RunConfig
from vita.engine.checkpoint import Checkpoint
from vita.engine.interruption import raised
from vita.engine.train import Trainer
from vita.engine.validation import Validation
from vita.engine.work_folder import exclusive
from vita.model.method import Vita

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def signalled(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, signal.Signals], None]:
    """`signalled(k, number)`: in its step k (from 0), the next run gets that signal; those after it get none."""
    step_of = Trainer._step

    def arrange(at: int, number: signal.Signals) -> None:
        def step(self: Trainer, done: int, clips: Any) -> float:
            if done == at:
                monkeypatch.setattr(Trainer, "_step", step_of)
                os.kill(os.getpid(), number)
            return step_of(self, done, clips)

        monkeypatch.setattr(Trainer, "_step", step)

    return arrange


def record_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "record.json").read_text())


@pytest.mark.parametrize("number", SIGNALS)
def test_the_step_is_completed_and_the_next_job_goes_on_to_the_same_bytes(
    number: signal.Signals,
    config: RunConfig,
    finished: Path,
    tmp_path: Path,
    signalled: Callable[[int, signal.Signals], None],
) -> None:
    handlers = [signal.getsignal(one) for one in SIGNALS]
    signalled(4, number)  # the fifth step; checkpoints lie after 3 and 6
    with pytest.raises(Interrupted, match=f"by {number.name} after step 5 of 8"):
        train_here(config, tmp_path)
    assert [signal.getsignal(one) for one in SIGNALS] == handlers
    assert files_in(tmp_path) == ["work/last.pt", "work/lock", "work/record.json"]
    record = record_of(tmp_path / "work")
    assert (record["status"], record["error"], record["iterations"]) == ("interrupted", None, 5)
    assert "interrupted by" in json.loads((tmp_path / "work" / "lock").read_text())["progress"]
    train_here(config, tmp_path)
    assert record_of(tmp_path)["resumed_at"] == [5]
    assert weights_of(tmp_path) == weights_of(finished)
    assert history_of(tmp_path) == history_of(finished)


def test_a_signal_in_the_last_step_changes_nothing(
    config: RunConfig, finished: Path, tmp_path: Path, signalled: Callable[[int, signal.Signals], None]
) -> None:
    signalled(7, signal.SIGTERM)
    train_here(config, tmp_path)
    assert weights_of(tmp_path) == weights_of(finished)


def test_the_command_says_so_with_an_exit_code_of_its_own(
    config: RunConfig, tmp_path: Path, signalled: Callable[[int, signal.Signals], None]
) -> None:
    signalled(2, signal.SIGUSR1)
    ended = vita("train", "--config", write_configuration(tmp_path, config))
    assert ended.code == os.EX_TEMPFAIL == 75
    assert ended.errors.splitlines()[-1] == "interrupted by SIGUSR1 after step 3 of 8; the same command goes on"


def test_a_scheduler_signals_the_processes_that_read_clips_too(videos: Path, tmp_path: Path) -> None:
    config = configuration(videos, iterations=200, workers=2, checkpoint_every=1)
    command = [sys.executable, "-m", "vita", "train", "--config", str(write_configuration(tmp_path, config))]
    trainer = subprocess.Popen(command, start_new_session=True, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "work" / "last.pt").exists():
        assert trainer.poll() is None
        time.sleep(0.02)
    os.killpg(trainer.pid, signal.SIGTERM)
    _, errors = trainer.communicate(timeout=60)
    assert trainer.returncode == 75, errors
    done = record_of(tmp_path / "work")["iterations"]
    assert errors.splitlines()[-1] == f"interrupted by SIGTERM after step {done} of 200; the same command goes on"
    state = torch.load(tmp_path / "work" / "last.pt", weights_only=True)
    assert state["progress"]["step"] == done < 200


def test_a_validation_that_was_due_is_made_up_for(
    videos: Path, finished: Path, tmp_path: Path, signalled: Callable[[int, signal.Signals], None]
) -> None:
    config = configuration(videos, validate_every=5)
    expected = train_here(config, tmp_path / "uninterrupted")
    signalled(4, signal.SIGTERM)
    with pytest.raises(Interrupted):
        train_here(config, tmp_path / "run")
    train_here(config, tmp_path / "run")
    assert history_of(tmp_path / "run") == history_of(expected)
    assert [row["step"] for row in history_of(expected) if row["validation_AP"]] == ["5", "8"]
    assert weights_of(tmp_path / "run") == weights_of(finished)


def test_killed_in_a_validation_nothing_before_it_is_lost(
    videos: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configuration(videos, validate_at=(5,))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Validation, "__call__", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        train_here(config, tmp_path)
    train_here(config, tmp_path)
    assert record_of(tmp_path)["resumed_at"] == [5]
    assert [row["step"] for row in history_of(tmp_path) if row["validation_AP"]] == ["5", "8"]
    assert weights_of(tmp_path) == weights_of(finished)


def test_checkpoints_by_minutes(videos: Path, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute a step by the clock: with checkpoints every 1.5 minutes, after 3 and 6, and at 4 for the steps."""
    clock = iter(range(1000))
    monkeypatch.setattr("vita.engine.pauses.time.monotonic", lambda: 30.0 * next(clock))
    saved, save = [], Checkpoint.save
    monkeypatch.setattr(
        Checkpoint, "save", lambda self, model, optimizer, progress: (
            saved.append(progress["step"]), save(self, model, optimizer, progress))
    )  # fmt: skip
    config = configuration(videos, checkpoint_every=7, checkpoint_minutes=1.0)
    train_here(config, tmp_path)
    # The clock is read once a step and once at each checkpoint: 2 readings later, 1 minute has passed.
    assert saved == [2, 4, 6, 7]
    assert weights_of(tmp_path) == weights_of(finished)


def test_configurations_from_before_stay_the_same_bytes(videos: Path) -> None:
    assert "checkpoint_minutes" not in dump(configuration(videos))
    assert configuration(videos).train.checkpoint_minutes == 15
    assert "checkpoint_minutes: 5.0" in dump(configuration(videos, checkpoint_minutes=5))


def test_one_of_two_processes_is_signalled_and_both_end_after_the_same_step(videos: Path, tmp_path: Path) -> None:
    config = configuration(videos)
    step_of = Trainer._step

    def signalled(self: Trainer, number: int, clips: Any) -> float:
        if number == 3 and self.accelerator.process_index == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return step_of(self, number, clips)

    def interrupted() -> None:
        Trainer._step = signalled  # type: ignore[method-assign]
        try:
            train_here(config, tmp_path / "run")
        except Interrupted:
            os._exit(75)

    assert together(interrupted) == [75, 75]
    assert record_of(tmp_path / "run" / "work")["iterations"] == 4
    assert together(lambda: train_here(config, tmp_path / "run")) == [0, 0]
    assert record_of(tmp_path / "run")["resumed_at"] == [4]
    assert together(lambda: train_here(config, tmp_path / "whole")) == [0, 0]
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")


def test_a_prediction_that_is_asked_to_end_leaves_nothing_half_written(
    config: RunConfig, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encode, calls = Vita.encode_video, iter(range(1000))

    def signalled(self: Vita, *given: Any) -> Any:
        if next(calls) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        return encode(self, *given)

    monkeypatch.setattr(Vita, "encode_video", signalled)
    path, plan = write_configuration(tmp_path, config), tmp_path / "inference.yaml"
    plan.write_text(dump(parse(PredictConfig, PLAN, "test")))
    given = ["--config", path, "--plan", plan, "--weights", finished / "model.safetensors"]
    ended = vita("predict", *given, "--out", tmp_path / "predictions")
    assert ended.code == 75
    assert ended.errors.splitlines()[-1] == "interrupted by SIGTERM; the same command goes on"
    assert files_in(tmp_path) == ["config.yaml", "inference.yaml"]


@pytest.mark.parametrize("number", SIGNALS)
def test_no_error_handling_passes_over_it(number: signal.Signals) -> None:
    with pytest.raises(Interrupted, match=f"by {number.name}"), raised():
        try:
            os.kill(os.getpid(), number)
            time.sleep(1)
        except Exception:
            pytest.fail("taken for an error")


@pytest.mark.parametrize("number", SIGNALS)
def test_who_waits_for_another_trainer_ends_at_once(number: signal.Signals, config: RunConfig, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, config)
    with exclusive(tmp_path / "work"):
        command = [sys.executable, "-m", "vita", "train", "--config", str(path)]
        waiting = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert waiting.stderr is not None
        told = next(line for line in waiting.stderr if told_besides_progress(line))
        assert told.startswith("waiting for process"), told
        waiting.send_signal(number)
        assert waiting.wait(timeout=60) == 75
        last = told_besides_progress(waiting.stderr.read())
        assert last == [f"interrupted by {number.name}; the same command goes on"]
    assert files_in(tmp_path) == ["config.yaml", "work/lock"]


def test_training_in_another_thread_than_the_first(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    """Signals are the first thread's alone; the training goes on without them."""
    thread = threading.Thread(target=train_here, args=(config, tmp_path))
    thread.start()
    thread.join()
    assert weights_of(tmp_path) == weights_of(finished)


HANGING = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
from vita.engine.interruption import die_with_parent
die_with_parent(interval_s=0.05, grace_s=0.5)
print(os.getpid(), flush=True)
time.sleep(600)
"""


def test_a_trainer_that_does_not_end_when_its_parent_is_gone_is_killed() -> None:
    """It says its number as soon as it watches; then its parent is killed."""
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HANGING!r}])"
    parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline().strip().isdigit()
    began = time.monotonic()
    parent.kill()
    parent.wait()
    parent.stdout.read()  # ends when the trainer, which has it too, is gone
    parent.stdout.close()
    assert 0.5 <= time.monotonic() - began < 60
