"""State dicts of official implementations and ours, either way, through one map from our names to theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vita.contract import OfficialCounterpart, UserError


def layout(model: nn.Module, official: OfficialCounterpart) -> dict[str, tuple[int, ...]]:
    """Every key of the official state dict of this model with its shape, constants included."""
    return {key: tuple(tensor.shape) for key, tensor in to_official(model, official).items()}


def to_official(model: nn.Module, official: OfficialCounterpart) -> dict[str, Tensor]:
    """The model's weights as an official state dict."""
    return {**official_names_of(model.state_dict(), official), **official.constants(model)}


def official_names_of(tensors: Mapping[str, Tensor], official: OfficialCounterpart) -> dict[str, Tensor]:
    """Tensors by our names (weights, gradients) -> by official names, stacked projections put together."""
    found = [(source, tensor) for name, tensor in tensors.items() if (source := official.source(name)) is not None]
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for source, tensor in sorted(found, key=lambda pair: pair[0].third or 0):
        parts[source.key].append(tensor)
    return {key: thirds[0] if len(thirds) == 1 else torch.cat(thirds) for key, thirds in parts.items()}


def from_official(
    state: Mapping[str, Tensor], model: nn.Module, official: OfficialCounterpart, where: str
) -> dict[str, Tensor]:
    """An official state dict under our names, for `model`.

    Raises UserError listing keys that are missing, unknown or of another shape; `where` opens its message.
    """
    wanted = layout(model, official)
    check_fit(state, wanted, where)
    ours = {name: tensor for name, tensor in model.state_dict().items() if official.source(name) is None}
    for name in model.state_dict():
        source = official.source(name)
        if source is not None:
            whole = state[source.key]
            ours[name] = whole if source.third is None else whole.chunk(3)[source.third].clone()
    return ours


def check_fit(state: Mapping[str, Tensor], wanted: Mapping[str, tuple[int, ...]], where: str) -> None:
    """Raises UserError listing what does not fit."""
    problems = {
        "missing": [key for key in wanted if key not in state],
        "unknown": [key for key in state if key not in wanted],
        "of another shape": [
            f"{key} {tuple(state[key].shape)}, wanted {shape}"
            for key, shape in wanted.items()
            if key in state and tuple(state[key].shape) != shape
        ],
    }
    found = [
        f"{len(keys)} {kind} ({', '.join(keys[:3])}{', ...' if len(keys) > 3 else ''})"
        for kind, keys in problems.items()
        if keys
    ]
    if found:
        raise UserError(f"{where}: weights of another model: {'; '.join(found)}")
