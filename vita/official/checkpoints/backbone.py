"""Backbones under official names, whatever their kind: names, options, constants, and files of a backbone alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vita.core.contract import UserError
from vita.official.checkpoints.backbone_kinds import KINDS
from vita.official.checkpoints.names import Rules, translate
from vita.official.checkpoints.sizes import Config, Shapes, Sizes, agreed

BACKBONE: Rules = tuple(rule for kind in KINDS for rule in kind.rules)


@dataclass(frozen=True)
class BackboneFile:
    """A backbone's tensors under official names; unknown ones keep the name that the file has for them."""

    program: str  # that writes such files
    state: dict[str, Tensor]
    left_out: list[str]
    author: str | None


def read_backbone(state: Mapping[str, Tensor], author: str | None) -> BackboneFile | None:
    """The backbone of a file that holds a backbone alone; None for other files. author: as the file says itself.

    A file is known by its names. Classifiers, counts of batches and what sizes alone fix are left out.
    """
    layouts = (layout for kind in KINDS for layout in kind.layouts)
    layout = next((layout for layout in layouts if all(name in state for name in layout.held)), None)
    if layout is None:
        return None
    left_out = [name for name in state if re.fullmatch(layout.unused, name)]
    kept = {layout.official(name) or name: state[name] for name in state if name not in left_out}
    return BackboneFile(layout.program, kept, left_out, layout.author or author)


def backbone_constants(backbone: nn.Module, prefix: str) -> dict[str, Tensor]:
    """Entries of the official state dict that the sizes of a backbone fix, such as a Swin's index of positions."""
    sources = ((translate(name, BACKBONE), tensor) for name, tensor in backbone.state_dict().items())
    named = {source.key: tensor for source, tensor in sources if source is not None}
    return {prefix + key: tensor for kind in KINDS for key, tensor in kind.constants(named).items()}


def fixed_tensors(model: nn.Module, bias: str, no_object: float, backbone: str, prefix: str) -> dict[str, Tensor]:
    """Entries of the official state dict that the configuration of a method fixes.

    Weights of the loss over the classes of the head with this bias (1, and `no_object` for the last, which is "no
    object"), and what the sizes of its backbone, a submodule of ours with this prefix in theirs, fix.
    """
    weights = torch.ones(len(model.get_parameter(bias)))
    weights[-1] = no_object
    return {"criterion.empty_weight": weights, **backbone_constants(model.get_submodule(backbone), prefix)}


def starts_fresh(key: str) -> bool:
    """Whether a classifier has no such tensor, which then starts as the identity."""
    return any(re.fullmatch(kind.fresh, key) for kind in KINDS)


def backbone_norm(config: Config) -> str:
    """Whether the backbone's batch norm is frozen, as in the release, or trained."""
    return "frozen" if config.get("MODEL.RESNETS.NORM", "FrozenBN") == "FrozenBN" else "trained"


def backbone_options(config: Config, shapes: Shapes, prefix: str) -> dict[str, Any]:
    """Options of a backbone whose official keys begin with `prefix`. Raises UserError on contradictions."""
    sizes = Sizes(config, {key.removeprefix(prefix): size for key, size in shapes.items() if key.startswith(prefix)})
    name, kinds = config.get("MODEL.BACKBONE.NAME"), {c.name: kind for kind in KINDS if (c := kind.configured)}
    if name is not None and name not in kinds:
        raise UserError(f"MODEL.BACKBONE.NAME is {name!r}; supported are {', '.join(kinds)}")
    shaped = next((kind.name for kind in KINDS if kind.first in sizes.shapes), None)
    chosen = agreed("MODEL.BACKBONE.NAME", None if name is None else kinds[name].name, shaped, KINDS[0].name)
    kind = next(kind for kind in KINDS if kind.name == chosen)
    if kind.configured is not None:
        sizes.check_fixed(kind.configured.fixed)
    return kind.read_options(sizes)
