"""Activation checkpointing: what layers compute is not kept for the backward pass, which makes it a second time."""

from __future__ import annotations

from functools import wraps
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from vita.core.contract import UserError


def recompute_layers(model: nn.Module) -> list[str]:
    """Let the layers of every stack (`nn.ModuleList`) keep their inputs alone in training; their names.

    Of stacks inside a layer of another, the innermost. Layers with norms that learn their statistics stay as they are:
    a second pass would count the same images twice. Raises UserError when no layer is left.
    """
    layers = {name: module for name, module in _layers(model).items() if not _counts_images(module)}
    if not layers:
        raise UserError("train.activation_checkpointing: this model has no stack of layers to recompute; leave it out")
    for module in layers.values():
        _recompute(module)
    return list(layers)


def _layers(model: nn.Module) -> dict[str, nn.Module]:
    stacks = {name: module for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    return {
        f"{name}.{number}": layer
        for name, stack in stacks.items()
        for number, layer in stack.named_children()
        if list(layer.children()) and not any(isinstance(part, nn.ModuleList) for part in layer.modules())
    }


def _counts_images(module: nn.Module) -> bool:
    return any(isinstance(part, _BatchNorm) for part in module.modules())


def _recompute(module: nn.Module) -> None:
    forward = module.forward

    @wraps(forward)
    def recomputed(*arguments: Any, **options: Any) -> Any:
        if module.training and torch.is_grad_enabled():
            return checkpoint(forward, *arguments, use_reentrant=False, **options)
        return forward(*arguments, **options)

    module.forward = recomputed
