"""Weights of a backbone alone as the backbone's weights of a method of ours, and which backbone a state dict is of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vita.core.contract import MethodDefinition, UserError
from vita.core.plugins import find_method
from vita.official.checkpoints.backbone import backbone_options, starts_fresh
from vita.official.checkpoints.backbone_kinds import KINDS
from vita.official.checkpoints.conversion import Converted, official_options, on_meta
from vita.official.checkpoints.input_scale import refuse_raw_pixels
from vita.official.checkpoints.state_dict import Shape, check_fit, official_shapes, our_names_of, shapes_of
from vita.official.contract import OfficialTensor, ReferenceAdapter
from vita.official.plugins import find_official

COUNT = "num_batches_tracked"


def backbone_to_ours(
    state: Mapping[str, Tensor], method: str, options: Mapping[str, Any] | None, where: str
) -> Converted:
    """A backbone under official names as the tensors of the backbone inside a method.

    options: of the method; None for the backbone that the shapes tell and all else as released. The output norms of a
    Swin, which no classifier has, start as the identity. Raises UserError naming both networks when they differ, or
    listing what does not fit.
    """
    definition, official = find_method(method), find_official(method, where)
    prefix = backbone_prefix(definition, official, where)
    if options is None:
        options = official_options(official, {prefix + key: shape for key, shape in shapes_of(state).items()}, where)
    model = on_meta(definition, options, 1, where)
    check_same_network(shapes_of(state), model, official, prefix, where)
    ours = model.state_dict()
    wanted = {name: tensor for name, tensor in ours.items() if _is_under(official.source(name), prefix)}
    _check_backbone_fit(state, wanted, official, prefix, where)
    found = our_names_of({prefix + key: tensor for key, tensor in state.items()}, wanted, official)
    new = [name for name in ours if name not in found and (name in wanted or _counted(name) in wanted)]
    fresh = {name: _initial(name, ours[name]) for name in new}
    converted = {name: tensor.to(ours[name].dtype) for name, tensor in found.items()} | fresh
    return Converted(converted, options, 1, new, absent_modules(converted, ours))


def backbone_prefix(definition: MethodDefinition, official: ReferenceAdapter, where: str) -> str:
    """What the official keys of a method's backbone begin with."""
    model = on_meta(definition, official.options({}, {}), 1, where)
    sources = (official.source(name) for name in model.state_dict())
    for source in sources:
        for kind in KINDS:
            if source is not None and source.key.endswith(kind.first):
                return source.key.removesuffix(kind.first)
    raise UserError(f"{where}: the released implementation of this method has no backbone under a known name")


def check_backbone(
    state: Mapping[str, Tensor], method: str, options: Mapping[str, Any] | None, author: str | None, where: str
) -> str | None:
    """The usual name of the backbone inside an official checkpoint of a method; None when it holds none.

    Raises UserError when it is of another network than the options say, or was trained on other pixels.
    """
    definition, official = find_method(method), find_official(method, where)
    prefix = backbone_prefix(definition, official, where)
    inside = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
    network = network_of(shapes_of(inside), where)
    if network is not None:
        refuse_raw_pixels(inside, author, network, where)
        if options is not None:
            check_same_network(shapes_of(inside), on_meta(definition, options, 1, where), official, prefix, where)
    return network


def check_same_network(
    found: Mapping[str, Shape], model: nn.Module, official: ReferenceAdapter, prefix: str, where: str
) -> None:
    """Raises UserError naming both networks when a backbone's official shapes are of another one than the model's."""
    theirs = official_shapes(shapes_of(model.state_dict()), official)
    wanted = {key.removeprefix(prefix): shape for key, shape in theirs.items() if key.startswith(prefix)}
    held, asked = network_of(found, where), network_of(wanted, where)
    if held is not None and held != asked:
        raise UserError(f"{where}: holds a {held}, but the method's options are of a {asked}")


def network_of(shapes: Mapping[str, Shape], where: str) -> str | None:
    """The usual name of the backbone with these official shapes; None when they hold none.

    Raises UserError when the shapes are of no backbone of ours.
    """
    kind = next((kind for kind in KINDS if kind.first in shapes), None)
    if kind is None:
        return None
    try:
        return kind.words(backbone_options({}, shapes, ""))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def _check_backbone_fit(
    state: Mapping[str, Tensor], wanted: Mapping[str, Tensor], official: ReferenceAdapter, prefix: str, where: str
) -> None:
    """Raises UserError listing what does not fit. A Swin's output norms may be absent."""
    shapes = {key.removeprefix(prefix): size for key, size in official_shapes(shapes_of(wanted), official).items()}
    needed = {key: size for key, size in shapes.items() if key in state or not starts_fresh(key)}
    check_fit(shapes_of(state), needed, where)


def _is_under(source: OfficialTensor | None, prefix: str) -> bool:
    return source is not None and source.key.startswith(prefix)


def _counted(name: str) -> str | None:
    """The statistics beside a trained batch norm's count of batches."""
    return name.removesuffix(COUNT) + "running_var" if name.endswith(COUNT) else None


def _initial(name: str, tensor: Tensor) -> Tensor:
    """The identity of a norm, and no batch counted."""
    return torch.full(tensor.shape, float(name.endswith(".weight")), dtype=tensor.dtype)


def absent_modules(held: Collection[str], names: Iterable[str]) -> list[str]:
    """The outermost modules of which nothing is held."""
    inside = {".".join(parts[:depth]) for parts in (name.split(".") for name in held) for depth in range(len(parts))}
    outermost = (_first_outside(name, inside) for name in names if name not in held)
    return list(dict.fromkeys(outermost))


def _first_outside(name: str, inside: Collection[str]) -> str:
    parts = name.split(".")
    return next(module for depth in range(1, len(parts) + 1) if (module := ".".join(parts[:depth])) not in inside)
