"""Memory that runs out in a training or a prediction: one line, exit code 2, and a record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import EVENTS, files_in, plan, vita, write_configuration

from vita.core.config_base import dump
from vita.core.run_config import AugmentationConfig, JitterConfig, RunConfig
from vita.engine import out_of_memory
from vita.engine.memory_advice import training_advice
from vita.model.method import Vita

# What PyTorch says on a card, on a CPU, in cuDNN's words, and what Python says.
CARD = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has a total capacity of 11.76 GiB")
WORDS = [
    (CARD, "CUDA out of memory"),
    (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"), "allocate"),
    (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), "CUDNN_STATUS_ALLOC_FAILED"),
    (RuntimeError("GET was unable to find an engine to execute this computation"), "unable to find an engine"),
    (MemoryError(), "MemoryError"),
]
Plant = Callable[[str, BaseException, int], None]


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Plant:
    """`plant(call, error, k)`: the method's call fails so at its k-th time (from 0); an allocation failed before."""

    def planted(call: str, error: BaseException, at: int) -> None:
        original, left = getattr(Vita, call), iter(range(at))

        def failing(self: Vita, *args: Any, **options: Any) -> Any:
            if next(left, None) is not None:
                return original(self, *args, **options)
            raise error

        monkeypatch.setattr(Vita, call, failing)
        monkeypatch.setattr(out_of_memory, "failed_allocations", lambda: 1)

    return planted


@pytest.mark.parametrize(("error", "said"), WORDS)
def test_training(error: BaseException, said: str, config: RunConfig, tmp_path: Path, plant: Plant) -> None:
    plant("forward", error, 4)
    message = vita("train", "--config", write_configuration(tmp_path, config)).message
    assert message.startswith("training: not enough memory (") and said in message
    assert "lower train.clips_per_pass (2 at once in a process" in message
    assert "lower train.clips_per_batch (2 clips of 2 frames)" in message
    assert "train.augmentation.short_edges" in message and "train.precision to bf16" in message
    record = json.loads((tmp_path / "work" / "record.json").read_text())
    assert record["status"] == "failed" and record["error"] == f"OutOfMemoryError: {message}"
    # The last checkpoint is kept: with the same configuration, on a larger card, the training goes on.
    assert files_in(tmp_path) == ["config.yaml", EVENTS, "work/last.pt", "work/lock", "work/record.json"]


@pytest.mark.parametrize(("error", "said"), WORDS)
def test_prediction(
    error: BaseException, said: str, config: RunConfig, finished: Path, tmp_path: Path, plant: Plant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    plant("encode_video", error, 1)
    (tmp_path / "inference.yaml").write_text(dump(plan()))
    arguments = (
        "predict", "--config", write_configuration(tmp_path, config), "--plan", tmp_path / "inference.yaml",
        "--weights", finished / "model.safetensors", "--out", tmp_path / "predictions",
    )  # fmt: skip
    message = vita(*arguments).message
    assert message.startswith("prediction: not enough memory (") and said in message
    assert "predict.short_edge (the stored size)" in message and "predict.keep_gib (4 GiB" in message
    record = json.loads((tmp_path / "work" / "predict_record.json").read_text())
    assert record["status"] == "failed" and record["error"] == f"OutOfMemoryError: {message}"
    assert record["task"] == "predict" and record["peak_host_memory_bytes"] > 0
    assert files_in(tmp_path) == ["config.yaml", "inference.yaml", "work/predict_record.json"]
    # With enough of it, nothing is left of the failure.
    monkeypatch.undo()
    assert vita(*arguments).code == 0
    assert "work/predict_record.json" not in files_in(tmp_path)
    assert json.loads((tmp_path / "predict_record.json").read_text())["status"] == "finished"


def test_no_engine_without_a_failed_allocation_is_no_lack_of_memory(config: RunConfig, tmp_path: Path, plant: Plant,
    monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    plant("forward", WORDS[3][0], 0)
    monkeypatch.setattr(out_of_memory, "failed_allocations", lambda: 0)
    with pytest.raises(RuntimeError, match="unable to find an engine"):
        vita("train", "--config", write_configuration(tmp_path, config))


def test_any_other_error_stays_what_it_is(config: RunConfig, tmp_path: Path, plant: Plant) -> None:
    plant("forward", RuntimeError("illegal memory access"), 0)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        vita("train", "--config", write_configuration(tmp_path, config))
    assert json.loads((tmp_path / "work" / "record.json").read_text())["error"] == "RuntimeError: illegal memory access"


def test_advice_names_what_is_in_force(config: RunConfig) -> None:
    schedule = config.train.model_copy(update={"precision": "fp16", "clips_per_batch": 8})
    cropped = schedule.model_copy(update={"augmentation": AugmentationConfig(short_edges=(360, 480))})
    assert "train.augmentation.short_edges (up to 480 pixels)" in training_advice(cropped)
    jittered = schedule.model_copy(update={"augmentation": AugmentationConfig(jitter=JitterConfig(size=1024))})
    advice = training_advice(jittered)
    assert "8 clips of 2 frames" in advice and "jitter.size (1024 pixels)" in advice and "bf16" not in advice
