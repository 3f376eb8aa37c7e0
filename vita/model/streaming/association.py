"""VITA's video-level module over frame queries that are never all in memory.

Legend: T frames of the video, t frames at once, Q frame queries, q surviving ones, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from vita.core.progress import SHORT_S, progress
from vita.model.network import VideoOutput, VitaNetwork, VitaVariant
from vita.model.pruning import apply_control, kept_query_indices, number_kept, prune
from vita.model.streaming.chunked_decoder import decode_chunks
from vita.model.streaming.chunked_encoder import stream_tokens
from vita.model.streaming.frame_store import DiskStore, FrameStore

FRAMES_AT_ONCE = 6  # whose tokens are on the device together: with more, little is won and heaps fall into pieces


@dataclass(frozen=True)
class FrameQueries:
    """What is kept of the frames of a video, or of a part of it."""

    queries: FrameStore  # (T, Q, C)
    no_object: FrameStore  # (T, Q)
    start: int
    stop: int

    def whole(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return what is kept of all frames of the part, on `device`: queries (T, Q, C), no_object (T, Q)."""
        queries, no_object = (store.read(self.start, self.stop) for store in (self.queries, self.no_object))
        return queries.to(device), no_object.to(device)

    def chunks(self, variant: VitaVariant, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """The frames as the Object Encoder gets them, pruned: queries (t, q, C), and their numbers (t, q)."""
        first = self.queries.read(self.start, self.start + 1), self.no_object.read(self.start, self.start + 1)
        for begin in range(self.start, self.stop, FRAMES_AT_ONCE):
            end = min(begin + FRAMES_AT_ONCE, self.stop)
            stores = zip(first, (self.queries, self.no_object), strict=True)
            # Controls put the first frame's queries in the place of all others'.
            queries, no_object = (torch.cat([one, store.read(begin, end)]).to(device) for one, store in stores)
            controlled = apply_control(queries, no_object, variant.control)[1:]
            query_indices = kept_query_indices(no_object[1:], variant.prune_ratio)
            yield prune(controlled, query_indices), query_indices


@torch.no_grad()
def associate_in_chunks(
    model: VitaNetwork, frames: FrameQueries, variant: VitaVariant, scratch: Path | None
) -> VideoOutput:
    """`VitaNetwork.associate` in memory that does not depend on T; object tokens are in a file in the folder `scratch`.

    All tokens are in memory together without such a folder, and for attention over all frames at once (window 0),
    which has no chunks.
    """
    device = model.mask_projection.weight.device
    window = model.window_of(variant)
    if scratch is None or window == 0:
        return model.associate(*frames.whole(device), variant)
    length, passes = frames.stop - frames.start, 1 + len(model.object_decoder.layers)
    with (
        TemporaryDirectory(dir=scratch, prefix="tokens") as folder,
        progress(passes * length, f"{passes} passes over object tokens", delay_s=SHORT_S) as bar,
    ):
        queries, channels = model.object_decoder.token_position.weight.shape
        kept = number_kept(queries, variant.prune_ratio)
        tokens = DiskStore(Path(folder) / "tokens", (kept, channels), at_once=FRAMES_AT_ONCE)
        query_indices = DiskStore(Path(folder) / "query_indices", (kept,), torch.int32, FRAMES_AT_ONCE)
        pruned = _noting_slots(frames.chunks(variant, device), query_indices)
        for encoded in stream_tokens(model.object_encoder, pruned, window, variant.shift):
            tokens.append(encoded)
            bar.update(len(encoded))
        read = partial(_with_slots, tokens, query_indices, device, bar.update)
        return model.predictions(decode_chunks(model.object_decoder, read))


def _noting_slots(chunks: Iterable[tuple[Tensor, Tensor]], query_indices: DiskStore) -> Iterator[Tensor]:
    """The frame queries of each chunk, after their numbers were written down."""
    for queries, numbers in chunks:
        query_indices.append(numbers)
        yield queries


def _with_slots(
    tokens: DiskStore, query_indices: DiskStore, device: torch.device, passed: Callable[[int], object]
) -> Iterator[tuple[Tensor, Tensor]]:
    """All tokens from the first frame on, with the numbers of their frame queries; `passed` is told of each chunk."""
    for chunk, numbers in zip(tokens.pieces(0, len(tokens)), query_indices.pieces(0, len(tokens)), strict=True):
        yield chunk.to(device), numbers.to(device)
        passed(len(chunk))
