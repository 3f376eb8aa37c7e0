"""The blocks that encoders and decoders of queries are made of, in post-norm form.

Legend: B clips, M query tokens, S key tokens, C channels.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from vita.blocks.clip_dropout import ClipDropout


class AttentionBlock(nn.Module):
    """Multi-head attention, residual sum, layer norm. No dropout in VITA's release; DETR's family has it, twice."""

    def __init__(self, channels: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.weights_dropout, self.out_dropout = ClipDropout(dropout), ClipDropout(dropout)
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))
        self.norm = nn.LayerNorm(channels)

    def forward(
        self, residual: Tensor, query: Tensor, key: Tensor, value: Tensor, allowed: Tensor | None = None
    ) -> Tensor:
        """residual, query: (B, M, C); key, value: (B, S, C) -> (B, M, C).

        allowed: bool, (B, M, S) or (B, 1, S): which keys each query may attend to; every row allows at least one.
        """
        q, k, v = self._split(self.query(query)), self._split(self.key(key)), self._split(self.value(value))
        mask = None if allowed is None else allowed[:, None]  # the same for all heads
        attended = self.weights_dropout.by_clip(self._attend, q, k, v, mask)  # (B, heads, M, C / heads)
        return self.norm(residual + self.out_dropout(self.out(attended.transpose(1, 2).flatten(2))))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        dropped = self.weights_dropout.active_rate
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropped)

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class FeedForwardBlock(nn.Module):
    """Linear, ReLU, linear, residual sum, layer norm; dropout as in `AttentionBlock`."""

    def __init__(self, channels: int, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden_dropout, self.out_dropout = ClipDropout(dropout), ClipDropout(dropout)
        self.expand, self.contract = nn.Linear(channels, hidden), nn.Linear(hidden, channels)
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        # Nothing holds the hidden tokens, several times larger than all others, any longer than it has to.
        change = self.contract(self.hidden_dropout(F.relu(self.expand(tokens), inplace=True)))
        return self.norm(tokens + self.out_dropout(change))


class EncoderLayer(nn.Module):
    """Self-attention, then feed-forward."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.attention = AttentionBlock(channels, heads, dropout)
        self.feedforward = FeedForwardBlock(channels, feedforward, dropout)

    def forward(self, tokens: Tensor, position: Tensor | None = None, allowed: Tensor | None = None) -> Tensor:
        """tokens: (B, S, C) -> (B, S, C); position: (S, C) or (B, S, C), added where tokens are compared.

        allowed: bool (B, 1, S): which tokens may be attended to.
        """
        placed = tokens if position is None else tokens + position
        return self.feedforward(self.attention(tokens, placed, placed, tokens, allowed))


class QueryLayer(nn.Module):
    """Self-attention, cross-attention, feed-forward: DETR's order."""

    def __init__(self, channels: int, heads: int, feedforward: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.self_attention = AttentionBlock(channels, heads, dropout)
        self.cross_attention = AttentionBlock(channels, heads, dropout)
        self.feedforward = FeedForwardBlock(channels, feedforward, dropout)

    def forward(
        self, queries: Tensor, position: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None = None
    ) -> Tensor:
        """queries: (B, M, C), position: (M, C), keys and values: (B, S, C) -> (B, M, C).

        allowed: bool (B, 1, S): which keys may be attended to.
        """
        placed = queries + position
        queries = self.self_attention(queries, placed, placed, queries)
        return self.feedforward(self.cross_attention(queries, queries + position, keys, values, allowed))


class DecoderLayer(nn.Module):
    """Cross-attention, self-attention, feed-forward: in that order, the reverse of DETR's."""

    def __init__(self, channels: int, heads: int, feedforward: int) -> None:
        super().__init__()
        self.cross_attention = AttentionBlock(channels, heads)
        self.self_attention = AttentionBlock(channels, heads)
        self.feedforward = FeedForwardBlock(channels, feedforward)

    def forward(
        self, queries: Tensor, position: Tensor, keys: Tensor, values: Tensor, allowed: Tensor | None = None
    ) -> Tensor:
        """queries: (B, M, C), position: (M, C), keys and values: (B, S, C) -> (B, M, C).

        allowed: bool, (B, M, S): which keys each query may attend to; every row allows at least one.
        """
        queries = self.cross_attention(queries, queries + position, keys, values, allowed)
        placed = queries + position
        return self.feedforward(self.self_attention(queries, placed, placed, queries))


class MaskEmbedding(nn.Sequential):
    """Three-layer perceptron from a query to the kernel that is multiplied with the mask features."""

    def __init__(self, channels: int) -> None:
        layers = [nn.Linear(channels, channels) for _ in range(3)]
        super().__init__(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
