"""Mixed precision keeps what full precision promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from accelerate.state import AcceleratorState
from tiny_run import configuration, history_of, train_here, weights_of

from vita.core.contract import UserError
from vita.engine.train import Trainer


@pytest.fixture(autouse=True)
def fresh_accelerator() -> Any:
    """The library fixes the precision once a process."""
    AcceleratorState._reset_state()
    yield
    AcceleratorState._reset_state()


def test_interrupted_run_in_half_precision(videos: Path, finished: Path, tmp_path: Path) -> None:
    config = configuration(videos, precision="bf16")
    whole = train_here(config, tmp_path / "whole")
    step_of: Callable[..., float] = Trainer._step

    def interrupted(self: Trainer, number: int, clips: Any) -> float:
        if number == 5:
            raise InterruptedError
        return step_of(self, number, clips)

    with patch.object(Trainer, "_step", interrupted), pytest.raises(InterruptedError):
        train_here(config, tmp_path / "run")
    train_here(config, tmp_path / "run")
    assert weights_of(tmp_path / "run") == weights_of(whole) != weights_of(finished)
    assert history_of(tmp_path / "run") == history_of(whole)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU trains in fp16")
def test_fp16_where_it_would_be_32_bits_in_silence(videos: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.precision is fp16 and there is no GPU here.*choose bf16 or no"):
        train_here(configuration(videos, precision="fp16"), tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()
