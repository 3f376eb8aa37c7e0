"""State dicts of official implementations and ours, either way, through one map from our names to theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

from vita.core.contract import UserError
from vita.official.contract import OfficialTensor, ReferenceAdapter

Shape = tuple[int, ...]
SHOWN = 3  # keys of each kind that an error lists


class Names(Protocol):
    """The part of an `ReferenceAdapter` that this module needs."""

    def source(self, name: str) -> OfficialTensor | None:
        """Where the tensor that our state dict calls `name` comes from; None when it has no counterpart."""
        ...


def shapes_of(state: Mapping[str, Tensor]) -> dict[str, Shape]:
    """Shapes by key."""
    return {key: tuple(tensor.shape) for key, tensor in state.items()}


def on_own_memory(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same values, where tensors that share memory or are pieces of more are copies: files of ours hold no such."""
    own: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in state.items():
        storage = tensor.untyped_storage()
        piece = storage.nbytes() != tensor.numel() * tensor.element_size() or storage.data_ptr() in taken
        own[name] = tensor.clone() if piece else tensor
        taken.add(own[name].untyped_storage().data_ptr())
    return own


def official_shapes(ours: Mapping[str, Shape], official: Names) -> dict[str, Shape]:
    """Shapes by our names -> by official keys; a third of a stacked projection stands for the whole."""
    named = ((official.source(name), shape) for name, shape in ours.items())
    return {
        source.key: shape if source.third is None else (3 * shape[0], *shape[1:])
        for source, shape in named
        if source is not None
    }


def layout(model: nn.Module, official: ReferenceAdapter) -> dict[str, Shape]:
    """Every key of the official state dict of this model with its shape, constants included."""
    return {**official_shapes(shapes_of(model.state_dict()), official), **shapes_of(official.constants(model))}


def official_names_of(tensors: Mapping[str, Tensor], official: Names) -> dict[str, Tensor]:
    """Tensors by our names (weights, gradients) -> by official names, stacked projections put together."""
    found = [(source, tensor) for name, tensor in tensors.items() if (source := official.source(name)) is not None]
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for source, tensor in sorted(found, key=lambda pair: pair[0].third or 0):
        parts[source.key].append(tensor)
    return {key: thirds[0] if len(thirds) == 1 else torch.cat(thirds) for key, thirds in parts.items()}


def our_names_of(state: Mapping[str, Tensor], names: Iterable[str], official: Names) -> dict[str, Tensor]:
    """An official state dict -> those of the tensors called `names` that it holds; thirds are copies."""
    ours: dict[str, Tensor] = {}
    for name in names:
        source = official.source(name)
        if source is not None and source.key in state:
            whole = state[source.key]
            ours[name] = whole if source.third is None else whole.chunk(3)[source.third].clone()
    return ours


def from_official(
    state: Mapping[str, Tensor], model: nn.Module, official: ReferenceAdapter, where: str
) -> dict[str, Tensor]:
    """An official state dict under our names, for `model`; what has no counterpart keeps the model's values.

    Raises UserError listing keys that are missing, unknown or of another shape; `where` opens its message.
    """
    check_fit(shapes_of(state), layout(model, official), where)
    ours = model.state_dict()
    return {**ours, **our_names_of(state, ours, official)}


def check_fit(found: Mapping[str, Shape], wanted: Mapping[str, Shape], where: str) -> None:
    """Raises UserError listing what does not fit."""
    problems = {
        "missing": [key for key in wanted if key not in found],
        "unknown": [key for key in found if key not in wanted],
        "of another shape": [
            f"{key} {found[key]}, wanted {shape}" for key, shape in wanted.items() if found.get(key, shape) != shape
        ],
    }
    listed = [
        f"{len(keys)} {kind} ({', '.join(keys[:SHOWN])}{', ...' if len(keys) > SHOWN else ''})"
        for kind, keys in problems.items()
        if keys
    ]
    if listed:
        raise UserError(f"{where}: weights of another model: {'; '.join(listed)}{_told_prefix(found, wanted)}")


def _told_prefix(found: Iterable[str], wanted: Iterable[str]) -> str:
    """What a program put before every name, where names are known without it."""
    firsts = {key.partition(".")[0] for key in found}
    prefix = f"{next(iter(firsts))}." if len(firsts) == 1 else ""
    if not prefix or not {key.removeprefix(prefix) for key in found} & set(wanted):
        return ""
    return f". All names begin with '{prefix}', which the program that wrote them put there; save them without it"
