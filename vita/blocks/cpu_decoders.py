"""The library's pixel decoder and frame decoder, with their weights, in fewer operations: for CPUs.

Positions are computed once for all frames of a size, nothing is computed for padding, and attention is the fused one.

Legend: F frames, S positions of a level or of all, Q frame queries, C channels, h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.models.mask2former import modeling_mask2former as library

from vita.blocks.pixel_decoder import FullPrecisionPixelDecoder
from vita.blocks.precision import full_precision

LEVELS = 3  # of maps that the frame decoder attends to
SIZES_KEPT = 32  # of maps, whose positions are kept


@lru_cache(SIZES_KEPT)
def positions(channels: int, size: tuple[int, int], dtype: torch.dtype) -> Tensor:
    """The library's sine positions of maps of a size, on a CPU: (1, S, C)."""
    embed = library.Mask2FormerSinePositionEmbedding(channels // 2, normalize=True)
    maps: Tensor = embed(torch.Size((1, channels, *size)), torch.device("cpu"), dtype)
    return maps.flatten(2).mT.contiguous()


class LeanPixelDecoder(FullPrecisionPixelDecoder):
    """The pixel decoder without what the library does for padding, which frames here do not have."""

    @full_precision()
    def forward(self, features: Sequence[Tensor], **_: Any) -> library.Mask2FormerPixelDecoderOutput:
        """The backbone's maps (F, ., h, w), the finest first, in any precision."""
        maps = [one.to(self.level_embed.dtype) for one in features]
        # Let the positions of all levels but the finest exchange what they know.
        levels = [project(one) for project, one in zip(self.input_projections, maps[: -LEVELS - 1 : -1], strict=True)]
        sizes = [(one.shape[2], one.shape[3]) for one in levels]
        channels, dtype = self.level_embed.shape[1], self.level_embed.dtype
        places = [positions(channels, size, dtype) + own for size, own in zip(sizes, self.level_embed, strict=True)]
        tokens = self.encoder(
            inputs_embeds=torch.cat([one.flatten(2).mT for one in levels], 1),
            position_embeddings=torch.cat(places, 1),
            spatial_shapes_list=sizes,
        ).last_hidden_state
        parts = tokens.split([height * width for height, width in sizes], 1)
        levels = [part.mT.unflatten(2, size) for part, size in zip(parts, sizes, strict=True)]
        # Bring them up to the finest level.
        finest = levels[-1]
        for lateral, output, one in zip(
            self.lateral_convolutions, self.output_convolutions, maps[self.num_fpn_levels - 1 :: -1], strict=True
        ):
            beside = lateral(one)
            above = F.interpolate(finest, size=beside.shape[2:], mode="bilinear", align_corners=False)
            finest = output(beside + above)
        return library.Mask2FormerPixelDecoderOutput(
            mask_features=self.mask_projection(finest), multi_scale_features=tuple(levels)
        )


class LeanFrameDecoder(library.Mask2FormerTransformerModule):
    """Queries of every frame attend to its levels in turn; frame by frame, and tokens as (F, S, C)."""

    def forward(
        self, multi_scale_features: Sequence[Tensor], mask_features: Tensor, **_: Any
    ) -> library.Mask2FormerMaskedAttentionDecoderOutput:
        """multi_scale_features: (F, C, h, w) of every level; mask_features: (F, C, h, w) at stride 4."""
        sizes = [(maps.shape[2], maps.shape[3]) for maps in multi_scale_features]
        projected = [project(maps) for project, maps in zip(self.input_projections, multi_scale_features, strict=True)]
        values = [
            maps.flatten(2).mT + own for maps, own in zip(projected, self.level_embed.weight, strict=True)
        ]  # (F, S, C)
        keys = [one + positions(one.shape[2], size, one.dtype) for one, size in zip(values, sizes, strict=True)]
        queries = self.queries_features.weight.expand(len(mask_features), -1, -1)
        decoder, place = self.decoder, self.queries_embedder.weight
        seen = [decoder.layernorm(queries)]
        masks, blocked = decoder.mask_predictor(seen[0].transpose(0, 1), mask_features, sizes[0])
        masks_seen = [masks]
        for number, layer in enumerate(decoder.layers):
            level = number % LEVELS
            blocked = blocked & ~blocked.all(-1, keepdim=True)  # who would see nothing sees everything
            queries = layer(queries, place, keys[level], values[level], blocked)
            seen.append(decoder.layernorm(queries))
            masks, blocked = decoder.mask_predictor(
                seen[-1].transpose(0, 1), mask_features, sizes[(number + 1) % LEVELS]
            )
            masks_seen.append(masks)
        return library.Mask2FormerMaskedAttentionDecoderOutput(
            last_hidden_state=queries,
            intermediate_hidden_states=tuple(one.transpose(0, 1) for one in seen),
            masks_queries_logits=tuple(masks_seen),
        )


class LeanDecoderLayer(library.Mask2FormerMaskedAttentionDecoderLayer):
    """Masked cross-attention, self-attention, feed-forward, in post-norm form and without dropout, as released."""

    def forward(self, queries: Tensor, place: Tensor, keys: Tensor, values: Tensor, blocked: Tensor) -> Tensor:
        """queries (F, Q, C), place (Q, C), keys and values (F, S, C), blocked (F, Q, S) -> (F, Q, C)."""
        inputs = (one.transpose(0, 1) for one in (queries + place, keys, values))
        attended, _ = self.cross_attn(*inputs, attn_mask=blocked)
        queries = self.cross_attn_layer_norm(queries + attended.transpose(0, 1))
        queries = self.self_attn_layer_norm(queries + self._attend(queries, queries + place))
        done: Tensor = self.final_layer_norm(queries + self.fc2(self.activation_fn(self.fc1(queries))))
        return done

    def _attend(self, queries: Tensor, placed: Tensor) -> Tensor:
        own = self.self_attn
        q, k, v = (
            project(tokens).unflatten(2, (own.num_heads, -1)).transpose(1, 2)
            for project, tokens in ((own.q_proj, placed), (own.k_proj, placed), (own.v_proj, queries))
        )
        attended: Tensor = own.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return attended
