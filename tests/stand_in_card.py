"""A card in the place of one that is not there: real tensors that live on another device, which says "meta".

An operation fails that mixes them with tensors of the CPU, as on a card: but for copies, single numbers and indices.
A value is read by `item` or `tolist` alone; NumPy does not see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

CARD = torch.device("meta")
aten = torch.ops.aten
COPIES = (aten._to_copy, aten.copy_)
INDEXED = (aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_)


class OnCard(Tensor):
    """A tensor of the stand-in; `held` is what it holds."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnCard:
        return Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, dtype=held.dtype, device=CARD, strides=held.stride(), storage_offset=held.storage_offset()
        )

    def __init__(self, held: Tensor) -> None:
        self.held = held

    def tolist(self) -> Any:
        return self.held.tolist()

    def numpy(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("can't convert a tensor of the card to numpy; use Tensor.cpu() first")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError("a tensor of the stand-in card outside of its context")


class Card(TorchDispatchMode):
    """Runs every operation on what the tensors hold, and gives its result to where it belongs."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        asked = kwargs.get("device")
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_card = any(isinstance(tensor, OnCard) for tensor in tensors)
        if on_card and func.overloadpacket not in COPIES:
            self._check(func, args, tensors)
        if asked is not None:
            kwargs["device"] = torch.device("cpu")
        result = func(*tree_map_only(OnCard, _held, args), **tree_map_only(OnCard, _held, kwargs))
        if func.overloadpacket is aten.copy_:
            return args[0]
        goes = asked.type == CARD.type if asked is not None else on_card
        self.operations += goes
        return self._placed(result, args, goes)

    def _check(self, func: Any, args: Any, tensors: list[Tensor]) -> None:
        allowed: list[Tensor] = []
        if func.overloadpacket in INDEXED and isinstance(args[0], OnCard):
            allowed = [index for index in args[1] if index is not None]
        for tensor in tensors:
            if not isinstance(tensor, OnCard) and tensor.dim() and not any(tensor is one for one in allowed):
                raise RuntimeError(f"{func}: tensors of the card and of the CPU, {tuple(tensor.shape)}, together")

    def _placed(self, result: Any, args: Any, goes: bool) -> Any:
        """In-place operations give back the tensor that they were given."""
        same = {id(leaf.held): leaf for leaf in tree_leaves(args) if isinstance(leaf, OnCard)}
        return tree_map_only(Tensor, lambda held: same.get(id(held), OnCard(held) if goes else held), result)


def _held(tensor: OnCard) -> Tensor:
    return tensor.held


@contextmanager
def stand_in_card() -> Iterator[Card]:
    """Inside, `CARD` is a device like any other."""
    make = torch.tensor

    def tensor(data: Any, *, device: Any = None, **options: Any) -> Tensor:
        """As `torch.tensor`, which leaves out the numbers of what it makes on the device "meta"."""
        return make(data, **options).to(device) if device is not None else make(data, **options)

    with patch("torch.tensor", tensor), Card() as card:
        yield card
