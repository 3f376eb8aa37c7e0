"""What is computed in at least 32 bits, whatever the precision of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor

DEVICES = ("cpu", "cuda", "mps", "xpu")  # on which a training may run under autocast


@contextmanager
def full_precision() -> Iterator[None]:
    """Turn autocast off inside, on every device, so that operations keep the precision of their inputs.

    It is also a decorator: `@full_precision()`. Inputs may still be in half precision: see `at_least_32_bits`.
    """
    with ExitStack() as stack:
        for device in DEVICES:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


def at_least_32_bits(tensor: Tensor) -> Tensor:
    """The tensor itself in 32 or 64 bits; in 32 bits where it is in half precision."""
    return tensor.to(widened(tensor.dtype))


def widened(dtype: torch.dtype) -> torch.dtype:
    """The precision in which numbers of `dtype` are computed with: their own, but 32 bits at least."""
    return torch.promote_types(dtype, torch.float32)
