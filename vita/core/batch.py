"""What holds the parts of a batch together, wherever they are computed: in other processes, or in other passes of one.

Losses are sums over the clips of a pass, divided by numbers of the whole batch; images are padded to the size of its
largest; the random numbers of a clip follow from the seed of the run, the step and the clip's number in the batch. So
the sum over all parts is the objective of the batch in one piece, however it is shared out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from vita.core.contract import BatchPart, Clip, ClipSummary

Purpose = Literal["points", "dropout", "others"]
PURPOSES: dict[Purpose, int] = {"points": 0, "dropout": 1, "others": 2}  # whose numbers have nothing in common


def summary_of(clip: Clip) -> ClipSummary:
    """What others have to know of a clip; it costs a copy to the host where the clip is on another device."""
    height, width = clip.frames.shape[2:]
    visible = tuple((clip.ids != -1).sum(0).tolist())
    return ClipSummary(height, width, len(clip.labels), visible, int(clip.annotated[:, -1].sum()))


def whole_batch(clips: Sequence[Clip], seed: int = 0, step: int = 0) -> BatchPart:
    """Clips that are a whole batch by themselves."""
    return BatchPart(tuple(summary_of(clip) for clip in clips), tuple(range(len(clips))), seed, step)


def largest_size(part: BatchPart) -> tuple[int, int]:
    """Height and width in pixels that hold every frame of the whole batch."""
    return max(clip.height for clip in part.whole), max(clip.width for clip in part.whole)


def clip_seeds(part: BatchPart, purpose: Purpose, count: int) -> list[list[int]]:
    """`count` seeds of 64 bits for each clip of a pass."""
    keys = [(part.seed, part.step, number, PURPOSES[purpose]) for number in part.numbers]
    return [np.random.SeedSequence(key).generate_state(count, np.uint64).tolist() for key in keys]


@runtime_checkable
class DrawsByClip(Protocol):
    """A module that draws random numbers in training, for each clip of a pass from a seed of its own."""

    def key_clips(self, seeds: Sequence[int]) -> None:
        """Take one seed for each clip of the next pass, whose rows come clip by clip along the first dimension."""
        ...
