"""The detector in the form in which it predicts on CPUs: the same numbers but for rounding, in less time.

- Frozen norms are a part of the convolution before them, and convolutions keep the channels of a position together.
- Deformable attention samples by a compiled kernel; feed-forward layers work on pieces that stay in a core's cache.
- Of the frame decoder's predictions only the last is made. The layers before it need masks at the size of the level
  that they attend to alone: resizing the mask features is resizing the masks, since both are sums.

Training, the memory probe and comparisons with recordings keep the plain form, to which tests hold this one.

Legend: F frames, S positions of a level or of all, Q frame queries, C channels, h w positions of the stride-4 map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.mask2former import modeling_mask2former as library
from transformers.models.mask2former.modeling_mask2former import Mask2FormerMaskedAttentionDecoderOutput

from vita.blocks.backbone import Backbone, FrozenBatchNorm
from vita.blocks.cpu_form import KernelAttention, keep_channels_together
from vita.blocks.deformable_attention import DeformableLayer
from vita.blocks.pixel_decoder import PixelLevel

PIECE = 504  # tokens of a feed-forward layer at once: two megabytes of 1024 channels


def adopt_prediction_form(model: nn.Module, device: torch.device) -> None:
    """Change a model that only predicts from now on, on a CPU; on other devices leave it as it is.

    Its weights are no longer those of its file.
    """
    if device.type != "cpu":
        return
    assert not model.training, "a model in evaluation mode"
    for module in list(model.modules()):
        if isinstance(module, library.Mask2FormerMaskedAttentionDecoder):
            module.__class__ = LastPredictionDecoder  # which differ in `forward` alone
        elif isinstance(module, DeformableLayer):
            module.__class__, module.self_attn.__class__ = PredictingLayer, KernelAttention
        elif isinstance(module, library.Mask2FormerPixelLevelModule | PixelLevel | Backbone):
            for part in list(module.modules()):
                fold_norm(part)
                keep_channels_together(part)


def fold_norm(module: Any) -> None:
    """Where a module is a convolution, then a frozen norm, make the norm a part of the convolution's weights."""
    convolution, norm = getattr(module, "convolution", None), getattr(module, "normalization", None)
    if not isinstance(norm, FrozenBatchNorm) or not isinstance(convolution, nn.Conv2d):
        return
    with torch.no_grad():
        scale, shift = norm.scale_and_shift()
        convolution.weight.mul_(scale[:, None, None, None])
        convolution.bias = nn.Parameter(shift if convolution.bias is None else convolution.bias * scale + shift)
    module.normalization = nn.Identity()


class PredictingLayer(DeformableLayer):
    """The layer whose feed-forward part works piece by piece."""

    def feed_forward(self, tokens: Tensor) -> Tensor:
        """(F, S, C) -> (F, S, C)."""
        flat = tokens.flatten(0, 1)
        out = torch.empty_like(flat)
        for piece, done in zip(flat.split(PIECE), out.split(PIECE), strict=True):
            torch.addmm(self.fc2.bias, self.fc1(piece).relu_(), self.fc2.weight.t(), out=done)
        return out.view_as(tokens)


class LastPredictionDecoder(library.Mask2FormerMaskedAttentionDecoder):
    """The frame decoder, which tells its last prediction alone."""

    def forward(
        self,
        inputs_embeds: Tensor,
        multi_stage_positional_embeddings: Sequence[Tensor],
        pixel_embeddings: Tensor,
        encoder_hidden_states: Sequence[Tensor],
        query_position_embeddings: Tensor,
        feature_size_list: Sequence[tuple[int, int]],
        **_: Any,
    ) -> Mask2FormerMaskedAttentionDecoderOutput:
        """inputs_embeds and query_position_embeddings (Q, F, C), pixel_embeddings (F, C, h, w); a level's (S, F, C)."""
        features = [
            F.interpolate(pixel_embeddings, tuple(size), mode="bilinear", align_corners=False).flatten(2)
            for size in feature_size_list
        ]
        queries = inputs_embeds
        for number, layer in enumerate(self.layers):
            level = number % self.num_feature_levels
            blocked = self._kernels(queries) @ features[level] < 0  # (F, Q, S)
            blocked &= ~blocked.all(-1, keepdim=True)
            queries, *_ = layer(
                queries,
                level,
                None,
                multi_stage_positional_embeddings,
                query_position_embeddings,
                encoder_hidden_states,
                encoder_attention_mask=blocked,
                output_attentions=False,
            )
        masks = (self._kernels(queries) @ pixel_embeddings.flatten(2)).unflatten(2, pixel_embeddings.shape[2:])
        return Mask2FormerMaskedAttentionDecoderOutput(
            last_hidden_state=queries.transpose(0, 1),
            intermediate_hidden_states=(self.layernorm(queries),),
            masks_queries_logits=(masks,),
        )

    def _kernels(self, queries: Tensor) -> Tensor:
        """(Q, F, C) -> what mask features are multiplied with, (F, Q, C)."""
        kernels: Tensor = self.mask_predictor.mask_embedder(self.layernorm(queries).transpose(0, 1))
        return kernels
