"""VITA's video-level module as the memory probe runs it, along each path of attention.

Legend: T frames, F frames of a chunk, Q frame queries, q surviving ones, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vita.blocks.attention_kernel import attention_path
from vita.core.contract import AttentionPath
from vita.model.network import VitaNetwork, VitaVariant, choose_queries
from vita.model.streaming.chunked_decoder import decode_chunks
from vita.model.streaming.chunked_encoder import stream_tokens

FRAMES_AT_ONCE = 36  # that the chunked path works on


def associate_along(
    model: VitaNetwork, kept: Sequence[tuple[Tensor, Tensor]], variant: VitaVariant, attention: AttentionPath
) -> None:
    """kept: frame queries (F, Q, C) and probabilities of "no object" (F, Q) of every chunk.

    Materialised, the windows of the encoder are masked by numbers, as in the release, which rolls and pads them.
    Chunked, the tokens of all frames are on the device, but the encoder and the decoder work on a few frames at a time.
    """
    window = model.window_of(variant)
    queries, no_object = (torch.cat(part) for part in zip(*kept, strict=True))
    queries, query_indices = choose_queries(queries, no_object, variant)
    if attention == "chunked" and window > 0:
        streamed = stream_tokens(model.object_encoder, queries.split(FRAMES_AT_ONCE), window, variant.shift)
        encoded = [tokens for tokens in streamed if len(tokens)]
        model.predictions(decode_chunks(model.object_decoder, lambda: _with_slots(encoded, query_indices)))
        return
    with attention_path(attention, float_masks=window > 0):
        tokens = model.object_encoder(queries[None], window, shift=variant.shift)
    with attention_path(attention):
        model.decode(tokens, query_indices[None])


def _with_slots(encoded: Sequence[Tensor], query_indices: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    start = 0
    for tokens in encoded:
        yield tokens, query_indices[start : start + len(tokens)]
        start += len(tokens)
