"""A card that is only pretended: tensors that say they lie on another device, and a count of what asks that device.

The device is torch's "meta", whose tensors have no values elsewhere; here each has a plain tensor inside, on which all
is computed. What a real card would refuse, an operation between its tensors and the host's, is refused here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

CARD = torch.device("meta")
aten = torch.ops.aten
# The size or the value of whose result depends on values on the card: the host waits for them.
WAITS = {
    aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.bincount,
    aten.unique_consecutive, aten.equal,
}  # fmt: skip
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_, aten._unsafe_index}


class OnCard(Tensor):
    """A tensor that lies on the card as far as anybody can tell."""

    plain: Tensor

    @staticmethod
    def __new__(cls, plain: Tensor) -> OnCard:
        made = Tensor._make_wrapper_subclass(
            cls, plain.shape, strides=plain.stride(), storage_offset=plain.storage_offset(), dtype=plain.dtype,
            device=CARD, requires_grad=False,
        )  # fmt: skip
        made.plain = plain
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {}, Counter())  # outside of a count, as when a model is built


def inside(value: Any) -> Any:
    """The plain tensor that stands for one on the card."""
    return value.plain if isinstance(value, OnCard) else value


def put(value: Any) -> Any:
    """The same on the card."""
    return OnCard(value) if isinstance(value, Tensor) and not isinstance(value, OnCard) else value


def computed(func: Any, args: Any, kwargs: Any, seen: Counter[str]) -> Any:
    """What an operation gives, computed on plain tensors; notes in `seen` what it asks of the card."""
    tensors = [value for value in tree_flatten((args, kwargs))[0] if isinstance(value, Tensor)]
    here = [tensor for tensor in tensors if isinstance(tensor, OnCard)]
    packet, device = func.overloadpacket, kwargs.get("device")
    plain = {name: tree_map(inside, value) for name, value in kwargs.items() if name != "device"}
    if device is not None:
        plain["device"] = "cpu"
    result = func(*tree_map(inside, args), **plain)
    if packet is aten._to_copy and device is not None and (torch.device(device) == CARD) != bool(here):
        seen[
            "to the card" if not here else "to the host, waiting" if not kwargs.get("non_blocking") else "to the host"
        ] += 1
        return put(result) if not here else result
    if packet is aten.copy_ and len(tensors) == len(here) + 1:
        seen["to the card" if isinstance(args[0], OnCard) else "to the host, waiting"] += 1
        return args[0]
    if not here:
        return tree_map(put, result) if device is not None and torch.device(device) == CARD else result
    if packet in WAITS:
        seen[str(packet)] += 1
    if packet in INDEXING:
        indices = [index for index in args[1] if index is not None]
        seen["boolean index"] += any(index.dtype in (torch.bool, torch.uint8) for index in indices)
        seen["to the card"] += sum(not isinstance(index, OnCard) for index in indices)
        tensors = [tensor for tensor in tensors if not any(tensor is index for index in indices)]
    stray = [tensor for tensor in tensors if not isinstance(tensor, OnCard) and tensor.dim()]
    assert not stray, f"{func}: a tensor {tuple(stray[0].shape)} of the host meets one of the card"
    if func._schema.name.endswith("_") and isinstance(args[0], OnCard):
        return args[0]
    return tree_map(put, result)


class Counting(TorchDispatchMode):
    """Counts what asks the card."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `torch.utils._python_dispatch`."""
        return computed(func, args, kwargs or {}, self.seen)


class Literals(TorchFunctionMode):
    """What Python hands over in the form of numbers and takes back as such, below the reach of a dispatch mode."""

    def __init__(self, seen: Counter[str]) -> None:
        super().__init__()
        self.seen = seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """See `torch.overrides`."""
        given = dict(kwargs or {})
        literal = func in (torch.tensor, torch.as_tensor) and not isinstance(args[0], OnCard)
        if literal and torch.device(given.get("device") or "cpu") == CARD:
            self.seen["to the card"] += 1
            return put(func(*args, **{**given, "device": "cpu"}))
        if func is Tensor.tolist and isinstance(args[0], OnCard):
            self.seen["to the host, waiting"] += 1
            return args[0].plain.tolist()
        return func(*args, **given)


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """What is asked of the card inside the context."""
    with Counting() as mode, Literals(mode.seen):
        yield mode.seen


def move(module: nn.Module) -> nn.Module:
    """All weights of a module to the card."""
    for part in module.modules():
        for name, parameter in list(part._parameters.items()):
            if parameter is not None:
                part._parameters[name] = nn.Parameter(OnCard(parameter.detach()), parameter.requires_grad)
        for name, buffer in list(part._buffers.items()):
            if buffer is not None:
                part._buffers[name] = OnCard(buffer)
    return module
