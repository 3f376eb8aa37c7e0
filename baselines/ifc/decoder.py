"""The clip decoder: one query an object of the whole clip (paper, section 3.2).

Legend: B clips, T frames, Q queries, C channels, D decoder layers, S keys of a clip: all tokens of all frames.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vita.blocks.attention import QueryLayer
from vita.blocks.initialisation import initialise_video_module
from vita_baselines.ifc.encoder import ClipTokens


class ClipDecoder(nn.Module):
    """Queries that start from nothing but their positions gather objects from all frames and their memory tokens."""

    def __init__(
        self, *, channels: int, heads: int, feedforward: int, layers: int, queries: int, dropout: float
    ) -> None:
        super().__init__()
        self.query_position = nn.Embedding(queries, channels)
        self.layers = nn.ModuleList(QueryLayer(channels, heads, feedforward, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        initialise_video_module(self)

    def forward(self, tokens: ClipTokens) -> Tensor:
        """Queries after every layer, normed: (D, B, Q, C)."""
        values = tokens.values.flatten(1, 2)
        keys = values + tokens.position.flatten(1, 2)
        allowed = None if tokens.allowed is None else tokens.allowed.flatten(1, 2)[:, None]
        position = self.query_position.weight
        queries = torch.zeros_like(position).expand(len(values), -1, -1)
        after = []
        for layer in self.layers:
            queries = layer(queries, position, keys, values, allowed)
            after.append(self.norm(queries))
        return torch.stack(after)
