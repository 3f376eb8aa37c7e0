"""Several processes train one model together."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from tiny_run import configuration, files_in, history_of, train_here, vita, weights_of, write_configuration

from vita.core.run_config import RunConfig
from vita.engine.train import Trainer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def together(work: Callable[[], Any]) -> list[int | None]:
    """Do `work` in two processes with the environment that a launcher gives them; their exit codes."""
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    shared["OMP_NUM_THREADS"] = "1"

    def process(rank: int) -> None:
        os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank))
        AcceleratorState._reset_state(reset_partial_state=True)  # what this process knew before it was forked
        work()

    processes = [multiprocessing.get_context("fork").Process(target=process, args=(rank,)) for rank in (0, 1)]
    for one in processes:
        one.start()
    while all(one.is_alive() for one in processes):
        time.sleep(0.01)
    for one in processes:
        one.join(10)  # when one has failed, the other waits for it in vain
        one.kill()
        one.join()
    return [one.exitcode for one in processes]


@pytest.fixture(scope="module")
def by_two(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunConfig, Path]]:
    """A run by two processes, never interrupted."""
    config, folder = configuration(videos), tmp_path_factory.mktemp("two")
    assert together(lambda: train_here(config, folder)) == [0, 0]
    yield config, folder


def test_two_processes_train_one_model(by_two: tuple[RunConfig, Path], finished: Path) -> None:
    _, folder = by_two
    assert files_in(folder) == ["history.csv", "model.safetensors", "record.json", "work/lock"]
    record = json.loads((folder / "record.json").read_text())
    assert record["processes"] == 2 and record["status"] == "finished"
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() == load_file(finished / "model.safetensors").keys()
    assert all(math.isfinite(float(tensor.float().sum())) for tensor in weights.values())


def test_two_interrupted_processes_go_on_to_the_same_bytes(by_two: tuple[RunConfig, Path], tmp_path: Path) -> None:
    config, uninterrupted = by_two
    step_of = Trainer._step

    def interrupted(self: Trainer, number: int, clips: Any) -> float:
        if number == 4:
            os._exit(7)
        return step_of(self, number, clips)

    def work() -> None:
        with patch.object(Trainer, "_step", interrupted):
            train_here(config, tmp_path)

    assert together(work) == [7, 7]
    assert together(lambda: train_here(config, tmp_path)) == [0, 0]
    assert json.loads((tmp_path / "record.json").read_text())["resumed_at"] == [3]
    assert weights_of(tmp_path) == weights_of(uninterrupted)
    assert history_of(tmp_path) == history_of(uninterrupted)


def test_clips_that_cannot_be_shared_evenly(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accelerate.Accelerator.num_processes", 3)
    path = write_configuration(tmp_path, configuration(videos))
    message = vita("train", "--config", path).message
    assert message == "train.clips_per_batch is 2, not a multiple of the 3 processes"
