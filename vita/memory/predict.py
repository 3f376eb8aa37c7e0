"""The memory that a video will take, from shapes alone: the probe's procedure on tensors that hold nothing.

Legend: T frames, F frames of a chunk.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._pytree import tree_leaves, tree_map_only

from vita.memory.case import Case
from vita.memory.procedure import build, images, weights_bytes
from vita.memory.tracker import MemoryTracker

MOST_FRAMES = 1_000_000
FOLLOWED = 720  # frames of a video whose chunks are all followed
GRANULARITY = 512  # bytes: what allocators round up to


@dataclass(frozen=True)
class Peak:
    """Bytes at the fullest moment, weights left out, and the operation that it came with."""

    frames: int
    peak_bytes: int
    operation: str


class Predictor:
    """Of one case. The detector is followed through one chunk; all others leave the same."""

    def __init__(self, case: Case) -> None:
        """Raises UserError on a case that cannot be."""
        self.case = case
        self._fake = FakeTensorMode()
        with self._fake:
            self._model, self._variant = build(case)

    @property
    def weights_bytes(self) -> int:
        """Of the model."""
        return weights_bytes(self._model)

    @cached_property
    def _chunk(self) -> tuple[Any, int, str]:
        """What a whole chunk leaves, and what the detector holds at most while it works on it."""
        with self._following() as tracker:
            kept = self._model.keep(images(self.case, self.case.chunk_frames, torch.device("cpu")))
        return kept, tracker.peak_bytes, tracker.peak_operation

    @contextmanager
    def _following(self) -> Iterator[MemoryTracker]:
        tracker = MemoryTracker(GRANULARITY)
        with torch.no_grad(), self._fake, tracker:
            yield tracker

    def peak(self, frames: int) -> Peak:
        """For a video of so many frames. Work in chunks is followed through some of them: the others are alike."""
        if self.case.attention == "chunked" and frames > FOLLOWED:
            half, whole = self._followed_peaks
            each = (whole.peak_bytes - half.peak_bytes) / (whole.frames - half.frames)
            return Peak(frames, round(whole.peak_bytes + each * (frames - whole.frames)), whole.operation)
        return self._followed(frames)

    @cached_property
    def _followed_peaks(self) -> tuple[Peak, Peak]:
        return self._followed(FOLLOWED // 2), self._followed(FOLLOWED)

    def _followed(self, frames: int) -> Peak:
        pattern, chunk_peak, chunk_operation = self._chunk
        sizes = [self.case.chunk_frames] * (frames // self.case.chunk_frames)
        sizes += [rest] if (rest := frames % self.case.chunk_frames) else []
        with self._following() as tracker:
            kept = [_like(pattern, size, self.case.chunk_frames) for size in sizes]
            before_last = tracker.current_bytes - _bytes(kept[-1])
            self._model.conclude(kept, self._variant, self.case.attention)
        in_detector = before_last + chunk_peak * sizes[0] // self.case.chunk_frames
        if in_detector > tracker.peak_bytes:
            return Peak(frames, in_detector, chunk_operation)
        return Peak(frames, tracker.peak_bytes, tracker.peak_operation)

    def most_frames(self, budget_bytes: int) -> int:
        """The most frames whose peak is within the budget; 0 when not one is."""
        low, high = 0, 1
        while high <= MOST_FRAMES and self.peak(high).peak_bytes <= budget_bytes:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.peak(middle).peak_bytes <= budget_bytes else (low, middle)
        return low


def _like(kept: Any, frames: int, of: int) -> Any:
    """Tensors as a chunk of `of` frames left, for `frames`: their first dimension counts frames."""
    return tree_map_only(torch.Tensor, lambda t: t.new_empty(t.shape[0] * frames // of, *t.shape[1:]), kept)


def _bytes(kept: Any) -> int:
    return sum(t.numel() * t.element_size() for t in tree_leaves(kept) if isinstance(t, torch.Tensor))
