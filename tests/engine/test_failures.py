"""What is left when a run fails: one clear error, the last good checkpoint, nothing half-written."""

from __future__ import annotations

import errno
import json
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import EVENTS, configuration, files_in, plan, train_here, vita, weights_of, write_configuration

from vita.core.contract import BatchPart, Clip, Losses, LossTerm, UserError
from vita.core.run_config import RunConfig
from vita.engine.predict_run import predict_run
from vita.engine.train import Trainer
from vita.model.method import Vita


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """No file can grow beyond `size` bytes: the system fails the write itself, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`full_disk(name, after=n)`: putting a file of that name in its place fails after n successes."""

    def fill(name: str, after: int = 0) -> None:
        replace, done = Path.replace, iter(range(after))

        def failing(self: Path, target: Path) -> Path:
            if target.name == name and next(done, None) is None:
                raise OSError(errno.ENOSPC, "No space left on device")
            return replace(self, target)

        monkeypatch.setattr(Path, "replace", failing)

    return fill


@pytest.fixture
def loss_spoiler(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str, float], None]:
    """`loss_spoiler(k, name, value)`: that loss has that value in step k (from 0)."""

    def spoil(at: int, name: str, value: float) -> None:
        forward, calls = Vita.forward, iter(range(at))

        def spoiled(self: Vita, clips: Sequence[Clip], part: BatchPart) -> Losses:
            losses = forward(self, clips, part)
            if next(calls, None) is not None:
                return losses
            broken = torch.tensor(value)
            return Losses([LossTerm(t.name, broken if t.name == name else t.value, t.weight) for t in losses.terms])

        monkeypatch.setattr(Vita, "forward", spoiled)

    return spoil


def checkpoint(folder: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(folder / "work" / "last.pt", weights_only=True)
    return state


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_loss_that_is_not_finite(
    value: float, config: RunConfig, tmp_path: Path, loss_spoiler: Callable[[int, str, float], None]
) -> None:
    loss_spoiler(5, "video_mask", value)
    message = vita("train", "--config", write_configuration(tmp_path, config)).message
    assert f"step 5: loss 'video_mask' is {value}" in message
    assert files_in(tmp_path) == ["config.yaml", EVENTS, "work/last.pt", "work/lock", "work/record.json"]
    state = checkpoint(tmp_path)
    assert state["progress"]["step"] == 3
    assert all(torch.isfinite(tensor).all() for tensor in state["model"].values())
    record = json.loads((tmp_path / "work" / "record.json").read_text())
    assert record["status"] == "failed" and record["weights_sha256"] is None
    assert record["error"].startswith("UserError: step 5: loss 'video_mask'")


def test_failure_leaves_no_trace_once_the_run_has_ended(
    config: RunConfig, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_finish", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        train_here(config, tmp_path)
    assert json.loads((tmp_path / "work" / "record.json").read_text())["error"].startswith("KeyboardInterrupt")
    train_here(config, tmp_path)
    assert files_in(tmp_path) == ["history.csv", "model.safetensors", "record.json", "work/lock"]
    assert weights_of(tmp_path) == weights_of(finished)


def test_disk_full_at_the_second_checkpoint(
    config: RunConfig, finished: Path, tmp_path: Path, full_disk: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    full_disk("last.pt", after=1)
    with pytest.raises(UserError, match=r"cannot write .*work/last\.pt: No space left on device"):
        train_here(config, tmp_path)
    assert files_in(tmp_path) == ["work/last.pt", "work/lock", "work/record.json"]
    assert checkpoint(tmp_path)["progress"]["step"] == 3
    monkeypatch.undo()
    train_here(config, tmp_path)
    assert weights_of(tmp_path) == weights_of(finished)


@pytest.mark.parametrize("name", ["model.safetensors", "history.csv", "record.json"])
def test_disk_full_at_the_end(
    name: str, config: RunConfig, finished: Path, tmp_path: Path, full_disk: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    full_disk(name)
    # Where the failure's own record cannot be written either, the first error is still the one that is told.
    with pytest.raises(UserError, match=f"cannot write {tmp_path / name}: No space left on device"):
        train_here(config, tmp_path)
    assert not [path for path in files_in(tmp_path) if path.endswith(".part")]
    assert not (tmp_path / name).exists()
    assert checkpoint(tmp_path)["progress"]["step"] == 6
    monkeypatch.undo()
    train_here(config, tmp_path)
    assert weights_of(tmp_path) == weights_of(finished)


def test_checkpoint_that_cannot_be_written_to_its_end(config: RunConfig, tmp_path: Path) -> None:
    with small_disk(100_000), pytest.raises(UserError, match=r"cannot write .*work/last\.pt: File too large"):
        train_here(config, tmp_path)
    assert files_in(tmp_path) == ["work/lock", "work/record.json"]


def test_weights_that_cannot_be_written_to_their_end(videos: Path, tmp_path: Path) -> None:
    config = configuration(videos, checkpoint_every=100)
    with small_disk(100_000), pytest.raises(UserError, match=r"cannot write .*/model\.safetensors: .*File too large"):
        train_here(config, tmp_path)
    assert files_in(tmp_path) == ["work/lock", "work/record.json"]


def test_predictions_that_cannot_be_written_to_their_end(config: RunConfig, finished: Path, tmp_path: Path) -> None:
    weights = finished / "model.safetensors"
    with small_disk(300), pytest.raises(UserError, match=r"cannot write .*File too large"):
        predict_run(config, plan(), [], weights, tmp_path / "predictions", tmp_path)
    assert files_in(tmp_path) == []


def test_disk_full_when_predictions_appear(
    config: RunConfig, finished: Path, tmp_path: Path, full_disk: Callable[..., None]
) -> None:
    full_disk("half.json")
    with pytest.raises(UserError, match=r"cannot write .*predictions/half\.json: No space left"):
        predict_run(config, plan(), [], finished / "model.safetensors", tmp_path / "predictions", tmp_path)
    assert not [path for path in files_in(tmp_path) if path.endswith(".part")]
    assert not (tmp_path / "predict_record.json").exists()


def test_failed_prediction_leaves_nothing(
    config: RunConfig, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Vita, "encode_video", lambda *_: (_ for _ in ()).throw(RuntimeError("illegal access")))
    with pytest.raises(RuntimeError, match="illegal access"):
        predict_run(config, plan(), [], finished / "model.safetensors", tmp_path / "predictions", tmp_path)
    assert files_in(tmp_path) == []
