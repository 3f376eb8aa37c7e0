"""The form of the detector that `vita train` uses on CPUs: same losses and gradients, but for rounding.

- Deformable attention samples by compiled kernels, forward and backward.
- The pixel decoder and the frame decoder take fewer operations (`vita.blocks.cpu_decoders`).
- Convolutions keep the channels of a position together, which they are fastest on.

Tests hold it to the plain form. What predicts on CPUs has a form of its own, `vita.blocks.prediction_form`, which takes
attention and convolutions from here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.mask2former import modeling_mask2former as library

from vita.blocks.backbone import Backbone
from vita.blocks.cpu_decoders import LeanDecoderLayer, LeanFrameDecoder, LeanPixelDecoder
from vita.blocks.deformable_attention import DeformableAttention, Sizes
from vita.blocks.pixel_decoder import FullPrecisionPixelDecoder, PixelLevel
from vita.blocks.sampling_kernel import sample_around

FEW = 4  # channels of a group, below which its norm is faster on maps that lie one after the other


def adopt_cpu_form(model: nn.Module, device: torch.device) -> None:
    """Change a model that runs on a CPU from now on; on other devices leave it as it is. Its weights stay the same."""
    if device.type != "cpu":
        return
    for module in list(model.modules()):
        lean = LEAN.get(type(module))
        if lean is not None:
            module.__class__ = lean  # which differs in what it computes by, not in its weights
        elif isinstance(module, library.Mask2FormerPixelLevelModule | PixelLevel | Backbone):
            for part in module.modules():
                keep_channels_together(part)


class KernelAttention(DeformableAttention):
    """Deformable attention by the compiled kernels."""

    def attend(
        self, values: Tensor, logits: Tensor, offsets: Tensor, reference: Tensor, sizes: Sizes, scale: Tensor
    ) -> Tensor:
        """See `DeformableAttention`."""
        weights: Tensor = _ShortSoftmax.apply(logits)
        return sample_around(values, sizes, reference, offsets, weights.unflatten(3, offsets.shape[3:5]))


class _ShortSoftmax(torch.autograd.Function):
    """Softmax over the last dimension. PyTorch's is four times as slow on twelve numbers."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        powers = (logits - logits.amax(-1, keepdim=True)).exp_()
        weights = powers.div_(powers.sum(-1, keepdim=True))
        ctx.save_for_backward(weights)
        return weights

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (weights,) = ctx.saved_tensors
        found: Tensor = weights * gradients[0]
        return found.addcmul_(weights, found.sum(-1, keepdim=True), value=-1)


def keep_channels_together(module: nn.Module) -> None:
    """Where a module is a convolution, let it work on maps whose channels of a position lie side by side.

    What comes after it does so too, and is faster; but not norms of groups of few channels.
    """
    if isinstance(module, nn.Conv2d):
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        module.register_forward_pre_hook(_channel_by_channel)
    elif isinstance(module, nn.GroupNorm) and module.num_channels // module.num_groups < FEW:
        module.register_forward_pre_hook(_map_by_map)


def _channel_by_channel(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    return (given[0].contiguous(memory_format=torch.channels_last),)


def _map_by_map(_: nn.Module, given: tuple[Tensor]) -> tuple[Tensor]:
    return (given[0].contiguous(),)


LEAN: dict[type[nn.Module], type[nn.Module]] = {
    DeformableAttention: KernelAttention,
    FullPrecisionPixelDecoder: LeanPixelDecoder,
    library.Mask2FormerTransformerModule: LeanFrameDecoder,
    library.Mask2FormerMaskedAttentionDecoderLayer: LeanDecoderLayer,
}
