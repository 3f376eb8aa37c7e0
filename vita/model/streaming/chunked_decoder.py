"""The Object Decoder over tokens that are never all in memory: its cross-attention is summed up chunk by chunk.

Legend: t frames at once, q tokens of a frame, S = t * q tokens, N video queries, C channels, c of a head, D layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from vita.blocks.attention import AttentionBlock, DecoderLayer
from vita.model.object_decoder import ObjectDecoder

TokenChunks = Callable[[], Iterator[tuple[Tensor, Tensor]]]  # tokens (t, q, C) and their frame queries' numbers (t, q)


class RunningAttention:
    """softmax(query key^T / sqrt(c)) value, for keys and values that come chunk by chunk, heads first.

    Weights are kept relative to the largest score so far; a larger one scales down all that was summed up before it.
    """

    def __init__(self, query: Tensor) -> None:
        """query: (heads, N, c)."""
        self._query = query * query.shape[-1] ** -0.5
        self._largest = query.new_full((*query.shape[:-1], 1), float("-inf"))
        self._total = torch.zeros_like(self._largest)
        self._weighted = torch.zeros_like(query)

    def add(self, key: Tensor, value: Tensor) -> None:
        """key, value: (heads, S, c)."""
        scores = self._query @ key.transpose(1, 2)  # (heads, N, S)
        largest = torch.maximum(self._largest, scores.amax(-1, keepdim=True))
        weights = scores.sub_(largest).exp_()
        scale = (self._largest - largest).exp()
        self._total = self._total * scale + weights.sum(-1, keepdim=True)
        self._weighted = self._weighted * scale + weights @ value
        self._largest = largest

    def result(self) -> Tensor:
        """(heads, N, c)."""
        return self._weighted / self._total


def decode_chunks(decoder: ObjectDecoder, chunks: TokenChunks) -> Tensor:
    """What `decoder` gives for all tokens together, (D, 1, N, C); `chunks` is asked for them once a layer."""
    position = decoder.query_position.weight
    queries = decoder.query_content.weight
    outputs = []
    for layer in decoder.layers:
        assert isinstance(layer, DecoderLayer)
        queries = _attend(decoder, layer.cross_attention, queries, chunks)
        placed = (queries + position)[None]
        queries = layer.feedforward(layer.self_attention(queries[None], placed, placed, queries[None]))[0]
        outputs.append(decoder.norm(queries)[None])
    return torch.stack(outputs)


def _attend(decoder: ObjectDecoder, block: AttentionBlock, queries: Tensor, chunks: TokenChunks) -> Tensor:
    running = RunningAttention(_heads(block, block.query(queries + decoder.query_position.weight)))
    for tokens, query_indices in chunks():
        placed = (tokens + decoder.token_position(query_indices)).flatten(0, 1)
        running.add(_heads(block, block.key(placed)), _heads(block, block.value(tokens.flatten(0, 1))))
    normed: Tensor = block.norm(queries + block.out(running.result().transpose(0, 1).flatten(1)))
    return normed


def _heads(block: AttentionBlock, tokens: Tensor) -> Tensor:
    """(S, C) -> (heads, S, C / heads)."""
    return tokens.unflatten(-1, (block.heads, -1)).transpose(0, 1)
