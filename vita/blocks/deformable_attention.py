"""Multi-scale deformable attention of the pixel decoder, whose sampling is one method that can be exchanged.

The library's encoder layers, with their weights, computed without what they do for padding, which frames here do not
have, and without asking the device after every layer whether a number is infinite.

Legend: F frames, S positions of all levels, M queries, L levels, P points of a level, C channels, c of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.mask2former import modeling_mask2former as library

Sizes = Sequence[tuple[int, int]]  # (height, width) of every level


def sample_levels(values: Tensor, sizes: Sizes, places: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of values at places between positions, level by level, so that never all samples are held.

    values (F, S, heads, c), places (F, M, heads, L, P, 2), weights (F, M, heads, L, P) -> (F, M, heads * c).
    places: x first, as shares of a level's width and height; outside of it, values are zero.
    """
    frames, _, heads, channels = values.shape
    parts = values.split([height * width for height, width in sizes], 1)
    total = None
    for part, size, here, share in zip(parts, sizes, places.unbind(3), weights.unbind(3), strict=True):
        maps = part.permute(0, 2, 3, 1).reshape(frames * heads, channels, *size)
        # Points before queries: the sum over points then runs along neighbouring queries.
        grid = (2 * here - 1).permute(0, 2, 3, 1, 4).flatten(0, 1)  # (F * heads, P, M, 2)
        shares = share.permute(0, 2, 3, 1).flatten(0, 1)[:, None]  # (F * heads, 1, P, M)
        added = (F.grid_sample(maps, grid, align_corners=False) * shares).sum(2)  # (F * heads, c, M)
        total = added if total is None else total + added
    assert total is not None
    return total.unflatten(0, (frames, heads)).flatten(1, 2).transpose(1, 2)


class DeformableAttention(library.Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention):
    """The library's module and weights; every query attends to a few places of every level."""

    def forward(self, tokens: Tensor, position: Tensor, reference: Tensor, sizes: Sizes, scale: Tensor) -> Tensor:
        """tokens and position (F, S, C), reference (S, 2) their own places -> (F, S, C).

        scale: (L, 1, 2), width and height of every level.
        """
        placed = tokens + position
        offsets = self.sampling_offsets(placed).unflatten(2, (self.n_heads, self.n_levels, self.n_points, 2))
        logits = self.attention_weights(placed).unflatten(2, (self.n_heads, -1))
        values = self.value_proj(tokens).unflatten(2, (self.n_heads, -1))
        attended: Tensor = self.output_proj(self.attend(values, logits, offsets, reference, sizes, scale))
        return attended

    def attend(
        self, values: Tensor, logits: Tensor, offsets: Tensor, reference: Tensor, sizes: Sizes, scale: Tensor
    ) -> Tensor:
        """values (F, S, heads, c) at places near every query's own, (F, M, heads * c); here a kernel takes its place.

        logits (F, M, heads, L * P) of the samples' weights; offsets (F, M, heads, L, P, 2), x first, in positions of a
        level; the others as of `forward`.
        """
        weights = logits.softmax(-1).unflatten(3, offsets.shape[3:5])
        return sample_levels(values, sizes, reference[:, None, None, None] + offsets / scale, weights)


class DeformableLayer(library.Mask2FormerPixelDecoderEncoderLayer):
    """Deformable self-attention, then feed-forward, in post-norm form and without dropout, as released."""

    def forward(self, tokens: Tensor, position: Tensor, reference: Tensor, sizes: Sizes, scale: Tensor) -> Tensor:
        """Arguments as of `DeformableAttention`: (F, S, C) -> (F, S, C)."""
        tokens = self.self_attn_layer_norm(tokens + self.self_attn(tokens, position, reference, sizes, scale))
        done: Tensor = self.final_layer_norm(tokens + self.feed_forward(tokens))
        return done

    def feed_forward(self, tokens: Tensor) -> Tensor:
        """(F, S, C) -> (F, S, C)."""
        widened: Tensor = self.fc2(F.relu(self.fc1(tokens), inplace=True))
        return widened


class DeformableEncoder(library.Mask2FormerPixelDecoderEncoderOnly):
    """All layers; where positions lie is computed once."""

    def forward(
        self, inputs_embeds: Tensor, position_embeddings: Tensor, spatial_shapes_list: Sizes, **_: Any
    ) -> BaseModelOutput:
        """inputs_embeds and position_embeddings: (F, S, C), level by level; what is said of padding is unused."""
        like = inputs_embeds
        reference = torch.cat([own_places(size, like) for size in spatial_shapes_list])
        # Filled in on the device, which a copy from the host would make it wait for.
        edges = [like.new_full((1,), edge) for height, width in spatial_shapes_list for edge in (width, height)]
        scale = torch.cat(edges).view(-1, 1, 2)
        tokens = inputs_embeds
        for layer in self.layers:
            tokens = layer(tokens, position_embeddings, reference, spatial_shapes_list, scale)
        return BaseModelOutput(last_hidden_state=tokens)


def own_places(size: tuple[int, int], like: Tensor) -> Tensor:
    """Where the positions of a level lie, as shares of its width and height, row by row: (height * width, 2)."""
    height, width = size
    y, x = ((torch.arange(edge, dtype=like.dtype, device=like.device) + 0.5) / edge for edge in (height, width))
    return torch.stack([x.repeat(height), y.repeat_interleave(width)], 1)


def adopt_encoder(encoder: library.Mask2FormerPixelDecoderEncoderOnly) -> None:
    """Turn an encoder that the library built, with its weights, into this one."""
    assert encoder.dropout == 0.0, "released without dropout"
    encoder.__class__ = DeformableEncoder  # all of them differ in `forward` alone
    for layer in encoder.layers:
        layer.__class__, layer.self_attn.__class__ = DeformableLayer, DeformableAttention
