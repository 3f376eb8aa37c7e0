"""The memory that a video will take, from shapes alone: the probe's procedure on tensors that hold nothing.

Legend: T frames, F frames of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_map_only

from vita.engine.memory.case import Case
from vita.engine.memory.offline_inference import build, exchange_weights, images, weights_bytes
from vita.engine.memory.tracker import MemoryTracker, Scratch, no_scratch

MOST_FRAMES = 1_000_000
FOLLOWED = 360  # frames of a video whose chunks are all followed
PIECE = 256  # frames: what chunks left is one tensor for so many, of the same size in all
STRIDE = 8  # times as many frames are asked for until they do not fit
GRANULARITY = 512  # bytes: what allocators round up to


@dataclass(frozen=True)
class Peak:
    """Bytes at the fullest moment, weights left out, and the operation that it came with."""

    frames: int
    peak_bytes: int
    operation: str


@dataclass(frozen=True)
class _Chunk:
    """The detector at work on a chunk of frames that is not the first.

    kept: what it leaves.  held_bytes: of that, storages that are larger than what is seen of them included.
    beside_bytes: what the model holds on to after the first one, such as positions that it computes once.
    peak_bytes: at most, what chunks before it left aside.
    """

    kept: Any
    held_bytes: int
    beside_bytes: int
    peak_bytes: int
    operation: str


class Predictor:
    """Of one case. The detector is followed through two chunks; all others are like the second."""

    def __init__(self, case: Case, scratch: Scratch = no_scratch) -> None:
        """scratch: what operations hold while they run, as of `MemoryTracker`. Raises UserError on a bad case."""
        self.case, self._scratch = case, scratch
        self._fake = FakeTensorMode()
        self._known: dict[int, Peak] = {}
        with torch.device("meta"):
            self._model, self._variant = build(case)
        with self._fake:
            exchange_weights(self._model, _on_cpu)

    @property
    def weights_bytes(self) -> int:
        """Memory that the model takes, in bytes."""
        return weights_bytes(self._model)

    @cached_property
    def _chunk(self) -> _Chunk:
        with self._following() as tracker:
            kept = self._model.encode_frames(self._images())
            after_first = tracker.current_bytes
            tracker.restart_peak()
            again = self._model.encode_frames(self._images())
            held = tracker.current_bytes - after_first
        del again
        return _Chunk(kept, held, after_first - held, tracker.peak_bytes - held, tracker.peak_operation)

    def _images(self) -> Tensor:
        return images(self.case, self.case.chunk_frames, torch.device("cpu"))

    @contextmanager
    def _following(self) -> Iterator[MemoryTracker]:
        tracker = MemoryTracker(GRANULARITY, self._scratch)
        with torch.no_grad(), self._fake, tracker:
            yield tracker

    def peak(self, frames: int) -> Peak:
        """For a video of so many frames. Work in chunks is followed through some of them: the others are alike."""
        if frames not in self._known:
            is_continued = self.case.attention == "chunked" and frames > FOLLOWED
            at_the_end = self._continued(frames) if is_continued else self._at_the_end(frames)
            self._known[frames] = max(self._in_detector(frames), at_the_end, key=lambda peak: peak.peak_bytes)
        return self._known[frames]

    @property
    def known(self) -> list[Peak]:
        """All peaks that were asked for so far, by number of frames."""
        return [self._known[frames] for frames in sorted(self._known)]

    def _in_detector(self, frames: int) -> Peak:
        """The peak while the detector works on the last chunk."""
        chunk, size = self._chunk, self.case.chunk_frames
        last = min(frames, size)
        return Peak(frames, (chunk.held_bytes * (frames - last) + chunk.peak_bytes * last) // size, chunk.operation)

    def _continued(self, frames: int) -> Peak:
        """In the video-level module, along the straight line through two numbers of frames."""
        half, whole = self._followed_ends
        each = (whole.peak_bytes - half.peak_bytes) / (whole.frames - half.frames)
        return Peak(frames, round(whole.peak_bytes + each * (frames - whole.frames)), whole.operation)

    @cached_property
    def _followed_ends(self) -> tuple[Peak, Peak]:
        return self._at_the_end(FOLLOWED // 2), self._at_the_end(FOLLOWED)

    def _at_the_end(self, frames: int) -> Peak:
        """The peak while the video-level module works."""
        chunk, size = self._chunk, self.case.chunk_frames
        with self._following() as tracker:
            kept = [_like(chunk.kept, piece, size) for piece in _pieces(frames)]
            unseen = chunk.held_bytes * frames // size - tracker.current_bytes
            self._model.decode_video(kept, self._variant, self.case.attention)
        return Peak(frames, tracker.peak_bytes + unseen + chunk.beside_bytes, tracker.peak_operation)

    def most_frames(self, budget_bytes: int) -> int:
        """The most frames whose peak is within the budget; 0 when not one is.

        Looked for where a straight line between two known peaks meets the budget, and every third time halfway.
        """
        low, high = (0, 0), (1, self.peak(1).peak_bytes)
        while high[1] <= budget_bytes:
            if high[0] > MOST_FRAMES:
                return MOST_FRAMES
            low, high = high, (STRIDE * high[0], self.peak(STRIDE * high[0]).peak_bytes)
        for turn in count():
            if high[0] - low[0] == 1:
                return low[0]
            share = 0.5 if turn % 3 == 2 else (budget_bytes - low[1]) / (high[1] - low[1])
            frames = min(max(low[0] + int(share * (high[0] - low[0])), low[0] + 1), high[0] - 1)
            peak = self.peak(frames).peak_bytes
            low, high = ((frames, peak), high) if peak <= budget_bytes else (low, (frames, peak))
        raise AssertionError("counting does not end")


def _like(kept: Any, frames: int, of: int) -> Any:
    """Tensors as a chunk of `of` frames left, for `frames`: their first dimension counts frames."""
    return tree_map_only(torch.Tensor, lambda t: t.new_empty(t.shape[0] * frames // of, *t.shape[1:]), kept)


def _pieces(frames: int) -> list[int]:
    rest = frames % PIECE
    return [PIECE] * (frames // PIECE) + ([rest] if rest else [])


def _on_cpu(tensor: Tensor) -> Tensor:
    """A tensor of a CPU in the place of one of no device: attention chooses its kernels by it."""
    return torch.empty(tensor.shape, dtype=tensor.dtype)
