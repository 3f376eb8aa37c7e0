"""Where models run that are held against recordings, and with which arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Whether a card may round the factors of 32-bit convolutions and matrix products to 10 bits of mantissa (TF32).

    PyTorch allows it for convolutions unless told otherwise. Recordings are of 32 bits throughout, so that their
    tolerances, which are the same for all devices, hold without it only. On a CPU it changes nothing.
    """
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before
