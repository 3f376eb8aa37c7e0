"""How the batch of an optimiser step is shared out over processes and over passes through the network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import nn

from vita.core.batch import DrawsByClip, clip_seeds, summary_of
from vita.core.contract import BatchPart, Clip, Losses, UserError
from vita.engine.processes import Processes


@dataclass(frozen=True)
class Pass:
    """Clips that go through the network at once, and the batch that they are a part of."""

    clips: Sequence[Clip]
    part: BatchPart


def shares_of(steps: Sequence[int], batch: int, processes: Processes) -> Iterator[list[int]]:
    """Numbers in the stream of clips of what is this process's in the batch of each step, of `batch` clips."""
    for step in steps:
        yield list(processes.share(range(step * batch, (step + 1) * batch)))


def check_share(batch: int, processes: Processes) -> None:
    """Raises UserError when a process would have no clip."""
    if batch < processes.count:
        raise UserError(
            f"train.clips_per_batch is {batch}, fewer than the {processes.count} processes: one clip a process at least"
        )


def passes_of(
    share: Sequence[Clip | UserError], seed: int, step: int, at_once: int | None, processes: Processes
) -> list[Pass]:
    """The passes of this process in one step, at most `at_once` clips each; its share as `shares_of` says.

    Raises UserError in every process when a clip of any could not be read.
    """
    clips = [clip for clip in share if isinstance(clip, Clip)]
    error = next((clip for clip in share if isinstance(clip, UserError)), None)
    # Tell all processes what the batch holds: objectives are divided by numbers of all of it.
    whole = tuple(processes.together(error or [summary_of(clip) for clip in clips]))
    numbers = tuple(processes.share(range(len(whole))))
    size = at_once or len(clips)
    return [
        Pass(clips[start : start + size], BatchPart(whole, numbers[start : start + size], seed, step))
        for start in range(0, len(clips), size)
    ]


def drawing_modules(model: nn.Module) -> list[DrawsByClip]:
    """The parts of a model that draw for each clip, in a fixed order."""
    return [module for module in model.modules() if isinstance(module, DrawsByClip)]


def key_draws(modules: Sequence[DrawsByClip], part: BatchPart) -> None:
    """Give every part of a model that draws its seeds for a pass, so that they depend on nothing but the clips."""
    for module, seeds in zip(modules, zip(*clip_seeds(part, "dropout", len(modules)), strict=True), strict=True):
        module.key_clips(seeds)


def times(losses: Losses, factor: float) -> Losses:
    """The same losses with weights that are `factor` times as large."""
    return Losses([replace(term, weight=term.weight * factor) for term in losses.terms])
