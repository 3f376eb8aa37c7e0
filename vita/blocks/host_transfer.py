"""From the device to the host: several tensors in one copy, and copies that nobody waits for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def on_host(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one type in host memory, after one copy of all of them; the host waits for it."""
    flat = torch.cat([tensor.flatten() for tensor in tensors])
    arrived = flat.cpu() if len(flat) else torch.zeros(0, dtype=flat.dtype)
    parts = arrived.split([tensor.numel() for tensor in tensors])
    return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]


class HostCopy:
    """A tensor on its way to the host, behind all that the device has been asked before."""

    def __init__(self, tensor: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        self._host = tensor.detach().to("cpu", non_blocking=tensor.is_cuda)
        if tensor.is_cuda:
            self._arrived = torch.cuda.Event()
            self._arrived.record(torch.cuda.current_stream(tensor.device))

    def get(self) -> Tensor:
        """The tensor in host memory; waits for it."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._host
