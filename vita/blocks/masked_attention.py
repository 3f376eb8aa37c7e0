"""Masked cross-attention of the frame decoder: the library's weights, without what it computes and nobody reads.

The library has PyTorch's multi-head attention give its weights, which holds them and the mask as numbers for every
head. Here the mask is compared once for all heads, and the weights are never held.

Legend: F frames, Q frame queries, S positions of a level, C channels, h w positions of the stride-4 map.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.mask2former import modeling_mask2former as library

from vita.blocks.mask_product import mask_product


class MaskedCrossAttention(nn.MultiheadAttention):
    """PyTorch's multi-head attention, by its fused kernel."""

    def forward(  # type: ignore[override]
        self, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor, **_: Any
    ) -> tuple[Tensor, None]:
        """query (Q, F, C), key and value (S, F, C) -> (Q, F, C), and nothing in the place of weights.

        attn_mask: bool (F, Q, S), True where a query must not look; every query may look somewhere.
        """
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            F.linear(tokens, weight, bias).unflatten(2, (self.num_heads, -1)).permute(1, 2, 0, 3)
            for tokens, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask=~attn_mask[:, None])  # (F, heads, Q, c)
        return self.out_proj(attended.permute(2, 0, 1, 3).flatten(2)), None


class MaskPredictor(library.Mask2FormerMaskPredictor):
    """Masks of all queries, and where the next layer must not look: the same for all heads."""

    def forward(
        self, outputs: Tensor, pixel_embeddings: Tensor, attention_mask_target_size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """outputs (Q, F, C), pixel_embeddings (F, C, h, w) -> mask logits (F, Q, h, w) and bool (F, Q, S)."""
        kernels = self.mask_embedder(outputs.transpose(0, 1))
        masks = mask_product(kernels, pixel_embeddings.flatten(2)).unflatten(2, pixel_embeddings.shape[2:])
        with torch.no_grad():
            there = F.interpolate(masks, attention_mask_target_size, mode="bilinear", align_corners=False)
            blocked = there.sigmoid().flatten(2) < 0.5
        return masks, blocked


def adopt_decoder(decoder: library.Mask2FormerMaskedAttentionDecoder) -> None:
    """Turn a frame decoder that the library built, with its weights, into one with these parts."""
    decoder.mask_predictor.__class__ = MaskPredictor  # which differ in `forward` alone
    for layer in decoder.layers:
        assert not layer.pre_norm and not layer.cross_attn.dropout, "released in post-norm form, without dropout"
        layer.cross_attn.__class__ = MaskedCrossAttention
