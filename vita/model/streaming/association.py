"""VITA's video-level module over frame queries that are never all in memory.

Legend: T frames of the video, t frames at once, Q frame queries, q surviving ones, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from vita.core.progress import SHORT_S, progress
from vita.model.network import VideoOutput, VitaNetwork, VitaVariant
from vita.model.pruning import apply_control, prune, survivors
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
        """All of the part at once."""
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
            slots = survivors(no_object[1:], variant.prune_ratio)
            yield prune(controlled, slots), slots


@torch.no_grad()
def associate_in_chunks(model: VitaNetwork, frames: FrameQueries, variant: VitaVariant, scratch: Path) -> VideoOutput:
    """`VitaNetwork.associate` in memory that does not depend on T; object tokens are in a file in the folder `scratch`.

    Attention over all frames at once (window 0) has no chunks: there all tokens are in memory together.
    """
    device = model.mask_projection.weight.device
    window = model.window if variant.window is None else variant.window
    if window == 0:
        return model.associate(*frames.whole(device), variant)
    length, passes = frames.stop - frames.start, 1 + len(model.object_decoder.layers)
    with (
        TemporaryDirectory(dir=scratch, prefix="tokens") as folder,
        progress(passes * length, f"{passes} passes over object tokens", delay_s=SHORT_S) as bar,
    ):
        tokens = _TokenFiles(Path(folder), bar.update)
        numbered = (tokens.with_numbers(*chunk) for chunk in frames.chunks(variant, device))
        for encoded in stream_tokens(model.object_encoder, numbered, window, variant.shift):
            tokens.append(encoded)
        return model.predictions(decode_chunks(model.object_decoder, lambda: tokens.chunks(device)))


class _TokenFiles:
    """Object tokens, and the numbers of the frame queries that they came from."""

    def __init__(self, folder: Path, passed: Callable[[int], object]) -> None:
        """passed: is told how many frames were written or read."""
        self._folder, self._passed = folder, passed
        self._tokens: DiskStore | None = None
        self._numbers: DiskStore | None = None

    def with_numbers(self, queries: Tensor, numbers: Tensor) -> Tensor:
        """`queries`, after their numbers were written down."""
        if self._numbers is None:
            self._numbers = DiskStore(self._folder / "numbers", tuple(numbers.shape[1:]), torch.int32)
        self._numbers.append(numbers)
        return queries

    def append(self, tokens: Tensor) -> None:
        """(t, q, C)."""
        if self._tokens is None:
            self._tokens = DiskStore(self._folder / "tokens", tuple(tokens.shape[1:]))
        self._tokens.append(tokens)
        self._passed(len(tokens))

    def chunks(self, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
        """All of them, from the first frame on."""
        assert self._tokens is not None and self._numbers is not None
        for begin in range(0, len(self._tokens), FRAMES_AT_ONCE):
            end = begin + FRAMES_AT_ONCE
            tokens, numbers = self._tokens.read(begin, end).to(device), self._numbers.read(begin, end).to(device)
            yield tokens, numbers
            self._passed(len(tokens))
