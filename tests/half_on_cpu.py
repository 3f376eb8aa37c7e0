"""A training step in half precision without a GPU."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class HalfOnCpu:
    """What a step asks of accelerate, which itself passes over fp16 on a CPU."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", dtype=self._dtype)

    def backward(self, loss: Tensor) -> None:
        loss.backward()

    def clip_grad_norm_(self, parameters: Any, norm: float) -> Tensor:
        return torch.nn.utils.clip_grad_norm_(parameters, norm)
