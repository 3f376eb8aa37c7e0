"""Several processes, and several passes of each, train one model together."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from tiny_run import configuration, content, files_in, history_of, train_here, vita, weights_of, write_configuration

from vita.core.config_base import parse
from vita.core.contract import Clip, UserError
from vita.core.plugins import find_method
from vita.core.run_config import RunConfig
from vita.data.sampling.clip_stream import ClipStream
from vita.engine.checkpoint import save_weights
from vita.engine.history import values_of
from vita.engine.train import Trainer
from vita.official.conformance.trajectory import in_64_bits

ENDED_S = 60  # in which all processes are gone after one has failed
CLOSE = 1e-5  # of losses that sums in another order have


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def together(work: Callable[[], Any], count: int = 2) -> list[int | None]:
    """Do `work` in several processes with the environment that a launcher gives them; their exit codes."""
    shared = {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}

    def process(rank: int) -> None:
        os.environ.update(shared, RANK=str(rank), LOCAL_RANK=str(rank))
        AcceleratorState._reset_state(reset_partial_state=True)  # what this process knew before it was forked
        work()

    processes = [multiprocessing.get_context("fork").Process(target=process, args=(rank,)) for rank in range(count)]
    for one in processes:
        one.start()
    while all(one.is_alive() for one in processes):
        time.sleep(0.01)
    for one in processes:
        one.join(10)  # when one has failed, another may wait for it in vain
        one.kill()
        one.join()
    return [one.exitcode for one in processes]


def record_in(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "record.json").read_text())
    return found


# The same losses, whoever computes them


def frozen_configuration(videos: Path, **schedule: Any) -> RunConfig:
    """Ten steps of four clips at the rate of the release; the backbone's norms are constants.

    At higher rates, roundings of 32 bits grow until another point or match is chosen.
    """
    ten = {"iterations": 10, "clips_per_batch": 4, "checkpoint_every": 4, "decay_at": [], "learning_rate": 5e-5}
    raw = content(videos, **{**ten, **schedule})
    raw["options"] = {**raw["options"], "detector": {**raw["options"]["detector"], "norm": "frozen"}}
    return parse(RunConfig, raw, "test")


@pytest.fixture(scope="module")
def start(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file, from which all runs start."""
    torch.manual_seed(0)
    config = frozen_configuration(videos)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    classes = len(json.loads((videos / "train" / "instances.json").read_text())["categories"])
    save_weights(find_method("vita").build(config.options, classes).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def alone(videos: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """The losses of every step of one process, which takes a batch in one piece."""
    return history_of(train_here(frozen_configuration(videos), tmp_path_factory.mktemp("alone"), start, every=1))


def assert_same_losses(found: list[dict[str, str]], expected: list[dict[str, str]], close: float = CLOSE) -> None:
    assert [row["step"] for row in found] == [row["step"] for row in expected] == [str(n + 1) for n in range(10)]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys() >= {"frame_mask", "video_classification", "similarity", "total"}
        assert {k: float(v) for k, v in ours.items()} == pytest.approx(
            {k: float(v) for k, v in theirs.items()}, rel=CLOSE
        )


@pytest.mark.parametrize(("count", "clips_per_pass"), [(1, 1), (1, 3), (2, None), (2, 1), (3, None)])
def test_losses_do_not_depend_on_how_a_batch_is_divided(
    count: int, clips_per_pass: int | None, videos: Path, start: Path, alone: list[dict[str, str]], tmp_path: Path
) -> None:
    """Three passes of a clip more; three clips, then one; two processes; with passes of their own; 2, 1 and 1 clips."""
    config = frozen_configuration(videos, clips_per_pass=clips_per_pass)
    assert together(lambda: train_here(config, tmp_path, start, every=1), count) == [0] * count
    assert record_in(tmp_path)["processes"] == count
    assert_same_losses(history_of(tmp_path), alone)


def test_in_64_bits_they_are_equal(videos: Path, start: Path, tmp_path: Path) -> None:
    """With many points, of which another would be chosen by the rounding of 32 bits; history has the digits of 32."""

    def work(folder: Path, clips_per_pass: int | None) -> None:
        with in_64_bits():
            config = frozen_configuration(videos, learning_rate=1e-3, clips_per_pass=clips_per_pass)
            options = {**config.options, "frame_points": 112, "video_points": 64}
            train_here(config.model_copy(update={"options": options}), folder, start, every=1)

    assert together(lambda: work(tmp_path / "alone", None), 1) == [0]
    assert together(lambda: work(tmp_path / "parts", 1), 2) == [0, 0]
    assert_same_losses(history_of(tmp_path / "parts"), history_of(tmp_path / "alone"), close=3e-7)


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_another_number_of_processes_goes_on(
    before: int, after: int, videos: Path, start: Path, alone: list[dict[str, str]], tmp_path: Path
) -> None:
    config = frozen_configuration(videos)
    assert (
        together(lambda: interrupted_at(6, lambda: train_here(config, tmp_path, start, every=1)), before)
        == [7] * before
    )
    assert together(lambda: train_here(config, tmp_path, start, every=1), after) == [0] * after
    assert record_in(tmp_path)["resumed_at"] == [4]
    assert record_in(tmp_path)["processes"] == after
    assert_same_losses(history_of(tmp_path), alone)


def interrupted_at(step: int, work: Callable[[], Any]) -> None:
    """Do `work` and end this process before a step of training (from 0)."""
    step_of = Trainer._step

    def interrupted(self: Trainer, number: int, clips: Any) -> float:
        if number == step:
            os._exit(7)
        return step_of(self, number, clips)

    with patch.object(Trainer, "_step", interrupted):
        work()


def test_fewer_clips_than_processes(videos: Path, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, configuration(videos, clips_per_batch=1))
    assert together(lambda: sys.exit(vita("train", "--config", path).code)) == [2, 2]
    error = json.loads((tmp_path / "work" / "record.json").read_text())["error"]
    assert "train.clips_per_batch is 1, fewer than the 2 processes" in error


# The same bytes, however often they are interrupted


@pytest.fixture(scope="module")
def by_two(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunConfig, Path]:
    """A run by two processes, never interrupted, with norms that are trained and validation that is shared out."""
    config, folder = configuration(videos, validate_every=4), tmp_path_factory.mktemp("two")
    assert together(lambda: train_here(config, folder)) == [0, 0]
    return config, folder


def test_two_processes_train_one_model(by_two: tuple[RunConfig, Path], finished: Path) -> None:
    _, folder = by_two
    assert files_in(folder) == ["history.csv", "model.safetensors", "record.json", "work/lock"]
    record = record_in(folder)
    assert record["processes"] == 2 and record["status"] == "finished"
    weights = load_file(folder / "model.safetensors")
    assert weights.keys() == load_file(finished / "model.safetensors").keys()
    assert all(math.isfinite(float(tensor.float().sum())) for tensor in weights.values())


def test_two_interrupted_processes_go_on_to_the_same_bytes(by_two: tuple[RunConfig, Path], tmp_path: Path) -> None:
    config, uninterrupted = by_two
    assert together(lambda: interrupted_at(4, lambda: train_here(config, tmp_path))) == [7, 7]
    assert together(lambda: train_here(config, tmp_path)) == [0, 0]
    assert record_in(tmp_path)["resumed_at"] == [4]  # with a checkpoint before the validation
    assert weights_of(tmp_path) == weights_of(uninterrupted)
    assert history_of(tmp_path) == history_of(uninterrupted)


def test_validation_is_shared_out(videos: Path, start: Path, tmp_path: Path) -> None:
    """Each process predicts one of the two videos, and the score is that of one process that predicts both."""
    config = frozen_configuration(videos, iterations=1, validate_every=1)

    def work() -> None:
        from vita.engine import predict

        seen, frames_of = [], predict.VideoFrames

        def noted(video: Any, *sizes: Any) -> Any:
            seen.append(video.id)
            return frames_of(video, *sizes)

        with patch.object(predict, "VideoFrames", noted):
            train_here(config, tmp_path, start)
        (tmp_path / f"seen{os.environ['RANK']}").write_text(json.dumps(seen))

    assert together(work) == [0, 0]
    first, second = (json.loads((tmp_path / f"seen{rank}").read_text()) for rank in (0, 1))
    assert len(first) == len(second) == 1 and first != second
    (row,) = history_of(tmp_path)
    (expected,) = history_of(train_here(config, tmp_path / "alone", start))
    assert float(row["validation_AP"]) == pytest.approx(float(expected["validation_AP"]), abs=1e-3)


# A failure of one is a failure of all


def failed_together(path: Path, work: Callable[[], Any] | None = None) -> tuple[list[int | None], str, float]:
    """Exit codes of two processes of `vita train`, the error of the record, and how many seconds it took."""
    began = time.monotonic()
    codes = together(lambda: sys.exit(vita("train", "--config", path).code))
    record = json.loads((path.parent / "work" / "record.json").read_text())
    assert record["status"] == "failed" and record["processes"] == 2
    return codes, record["error"], time.monotonic() - began


def test_a_frame_that_one_process_cannot_read(videos: Path, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, configuration(videos, workers=1))
    draw = ClipStream.__getitem__

    def unreadable(self: ClipStream, k: int) -> Clip:
        if k == 5:
            raise UserError("video_7/00003.jpg: image file is truncated")
        return draw(self, k)

    with patch.object(ClipStream, "__getitem__", unreadable):
        codes, error, seconds = failed_together(path)
    assert codes == [2, 2]  # all know of it
    assert error.endswith("UserError: video_7/00003.jpg: image file is truncated")
    assert seconds < ENDED_S


def test_a_loss_that_is_not_finite_in_one_process(videos: Path, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, configuration(videos))

    def spoilt(passes: Any) -> dict[str, float]:
        values = values_of(passes)
        return {**values, "video_dice": math.nan} if os.environ["RANK"] == "1" else values

    with patch("vita.engine.train.values_of", spoilt):
        codes, error, seconds = failed_together(path)
    assert codes == [2, 2]
    assert "step 0: loss 'video_dice' is nan" in error
    assert seconds < ENDED_S


def test_a_fault_in_one_process(videos: Path, tmp_path: Path) -> None:
    path = write_configuration(tmp_path, configuration(videos))
    step_of = Trainer._step

    def faulty(self: Trainer, number: int, clips: Any) -> float:
        if os.environ["RANK"] == "1" and number == 2:
            raise RuntimeError("a fault")
        return step_of(self, number, clips)

    with patch.object(Trainer, "_step", faulty):
        codes, error, seconds = failed_together(path)
    assert all(codes)
    assert error == "process 1 of 2: RuntimeError: a fault"
    assert seconds < ENDED_S
