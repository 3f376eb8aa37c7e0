"""Masks as products of kernels and maps, whose gradients are those of few of them: of the masks that losses look at.

Legend: B images or clips, Q queries, C channels, P positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def mask_product(kernels: Tensor, maps: Tensor) -> Tensor:
    """kernels (B, Q, C), maps (B, C, P) -> mask logits (B, Q, P).

    On a CPU, the backward pass leaves out masks whose gradient is zero, as that of every query is that was not matched.
    Elsewhere the host would have to wait for how many there are; under autocast, the product chooses its precision.
    """
    if kernels.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return kernels @ maps
    masks: Tensor = _MaskProduct.apply(kernels, maps)
    return masks


class _MaskProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, kernels: Tensor, maps: Tensor) -> Tensor:
        ctx.save_for_backward(kernels, maps)
        return kernels @ maps

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (wanted,), (kernels, maps) = gradients, ctx.saved_tensors
        looked_at = wanted.ne(0).any(2)  # (B, Q); true of NaN, too
        # As many of every image as of the one with most: the others among them add nothing.
        most = max(1, int(looked_at.sum(1).max()))
        chosen = looked_at.byte().argsort(stable=True, dim=1, descending=True)[:, :most, None]
        few = wanted.gather(1, chosen.expand(-1, -1, wanted.shape[2]))
        own = chosen.expand(-1, -1, kernels.shape[2])
        of_kernels = torch.zeros_like(kernels).scatter_(1, own, few @ maps.mT)
        return of_kernels, kernels.gather(1, own).mT @ few
