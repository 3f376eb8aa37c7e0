"""Sees what a trial must not hide: memory that ran out and was not reported, and work that went to another device."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vita.engine.memory.tracker import tensors_in
from vita.engine.out_of_memory import is_out_of_memory

SMALL_BYTES = 2**20  # tensors that may lie elsewhere: numbers that are read, sizes, indices


class FallbackGuard(TorchDispatchMode):
    """Watches every operation inside the context.

    out_of_memory: how often memory ran out, whoever caught it. elsewhere: operations with large results that did not
    lie on the device.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._device = device.type
        self.out_of_memory = 0
        self.elsewhere: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `torch.utils._python_dispatch`."""
        try:
            result = func(*args, **(kwargs or {}))
        except BaseException as error:
            self.out_of_memory += is_out_of_memory(error)
            raise
        for tensor in tensors_in(result):
            if tensor.device.type != self._device and tensor.nbytes > SMALL_BYTES:
                self.elsewhere.append(str(func))
        return result

    @property
    def fallback(self) -> str | None:
        """A sentence about what was hidden; None when nothing was."""
        if self.out_of_memory:
            return f"memory ran out {self.out_of_memory} times inside the method, which went on all the same"
        if self.elsewhere:
            return (
                f"{len(self.elsewhere)} operations did not run on {self._device}, the first of them {self.elsewhere[0]}"
            )
        return None
