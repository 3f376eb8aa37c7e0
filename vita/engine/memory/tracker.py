"""How much memory tensors hold while code runs, counted at every operation; the tensors may be fake ones."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Scratch = Callable[[Callable[..., Any], tuple[Any, ...]], int]


def no_scratch(func: Callable[..., Any], args: tuple[Any, ...]) -> int:
    """Operations hold nothing beside their arguments and results."""
    return 0


def cpu_scratch(func: Callable[..., Any], args: tuple[Any, ...]) -> int:
    """On a CPU, convolutions (oneDNN) work on a copy of their input in another layout."""
    return args[0].nbytes if func is torch.ops.aten.convolution.default else 0


class MemoryTracker(TorchDispatchMode):
    """Counts storages that operations make inside the context, each until nobody refers to it any longer.

    What an operation holds only while it runs is not seen, but told by `scratch`. Storages that were there before
    count when they are `add`ed.
    """

    def __init__(self, granularity: int = 1, scratch: Scratch = no_scratch) -> None:
        """granularity: bytes that an allocator rounds up to.  scratch: of an operation and its arguments, in bytes."""
        super().__init__()
        self._granularity, self._scratch = granularity, scratch
        self._known: set[int] = set()
        self.current_bytes, self.peak_bytes, self.peak_operation = 0, 0, ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `torch.utils._python_dispatch`."""
        result = func(*args, **(kwargs or {}))
        given = {id(tensor.untyped_storage()) for tensor in tensors_in((args, kwargs))}
        for tensor in tensors_in(result):
            if id(tensor.untyped_storage()) not in given:  # a view of what was there before is nothing new
                self._add(tensor.untyped_storage())
        self._see_peak(str(func), self._scratch(func, args))
        return result

    def restart_peak(self) -> None:
        """Forget the peak so far: from now on it is that of what follows."""
        self.peak_bytes, self.peak_operation = self.current_bytes, ""

    def add(self, tensors: Any) -> None:
        """Count the storages of these tensors (in nested lists, tuples and mappings) that are not counted yet."""
        for tensor in tensors_in(tensors):
            self._add(tensor.untyped_storage())
        self._see_peak("", 0)

    def _see_peak(self, name: str, scratch_bytes: int) -> None:
        if self.current_bytes + scratch_bytes > self.peak_bytes:
            self.peak_bytes, self.peak_operation = self.current_bytes + scratch_bytes, name

    def _add(self, storage: torch.UntypedStorage) -> None:
        number = id(storage)  # which is kept with the storage as long as it lives
        if number in self._known:
            return
        size = -(-storage.nbytes() // self._granularity) * self._granularity
        self._known.add(number)
        self.current_bytes += size
        weakref.finalize(storage, self._forget, number, size)

    def _forget(self, number: int, size: int) -> None:
        self._known.discard(number)
        self.current_bytes -= size


def tensors_in(tree: Any) -> list[torch.Tensor]:
    """The tensors in nested lists, tuples and mappings."""
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
