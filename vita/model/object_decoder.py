"""Object Decoder: video queries gather what belongs to one object from the tokens of all frames (paper, section 3.2).

Legend: B clips, T frames, Q object tokens of a frame, N video queries, C channels, D decoder layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vita.blocks.attention import DecoderLayer


class ObjectDecoder(nn.Module):
    """Learnt video queries decoded over all object tokens. There is no temporal position anywhere."""

    def __init__(
        self, *, channels: int, heads: int, feedforward: int, layers: int, video_queries: int, frame_queries: int
    ) -> None:
        super().__init__()
        self.query_content = nn.Embedding(video_queries, channels)
        self.query_position = nn.Embedding(video_queries, channels)
        self.token_position = nn.Embedding(frame_queries, channels)  # by the number of the frame query
        self.layers = nn.ModuleList(DecoderLayer(channels, heads, feedforward) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)

    def forward(self, tokens: Tensor, query_indices: Tensor | None = None) -> Tensor:
        """tokens: (B, T, Q, C) -> normed video queries after every layer, (D, B, N, C).

        query_indices: (B, T, Q) number of the frame query that each token came from; None when none were pruned.
        """
        # Keys know which frame query they came from, values do not; neither knows its frame.
        position = self.token_position.weight if query_indices is None else self.token_position(query_indices)
        keys, values = (tokens + position).flatten(1, 2), tokens.flatten(1, 2)
        # The same learnt queries for every clip gather objects, layer by layer.
        queries = self.query_content.weight.expand(len(tokens), -1, -1)
        outputs = []
        for layer in self.layers:
            queries = layer(queries, self.query_position.weight, keys, values)
            outputs.append(self.norm(queries))
        return torch.stack(outputs)
