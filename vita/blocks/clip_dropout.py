"""Dropout and drop path whose random numbers are each clip's own, however a batch is divided.

Legend: B clips, R rows of all clips, clip by clip, every clip with as many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from transformers.models.swin.modeling_swin import SwinDropPath


class ClipDropout(nn.Module):
    """Dropout with probability `rate`: of numbers, or of whole rows.

    Every clip's numbers are drawn from the seed that `key_clips` was given for it; without seeds, as outside of the
    trainer, from torch's generator. See `vita.core.batch.DrawsByClip`.
    """

    def __init__(self, rate: float, whole_rows: bool = False) -> None:
        super().__init__()
        self.rate, self.whole_rows = rate, whole_rows
        self.seeds: tuple[int, ...] = ()

    def key_clips(self, seeds: Sequence[int]) -> None:
        """See `vita.core.batch.DrawsByClip`."""
        self.seeds = tuple(seeds)

    @property
    def active_rate(self) -> float:
        """The probability in force: 0 outside training."""
        return self.rate if self.training else 0.0

    def forward(self, rows: Tensor) -> Tensor:
        """(R, ...) -> (R, ...)."""
        if not self.active_rate:
            return rows
        shape = (len(rows), *[1] * (rows.ndim - 1)) if self.whole_rows else rows.shape
        kept = torch.empty(shape, dtype=rows.dtype, device=rows.device)
        for seed, part in zip(self.seeds or (None,), kept.chunk(len(self.seeds) or 1), strict=True):
            own = None if seed is None else torch.Generator(rows.device).manual_seed(seed)
            part.bernoulli_(1 - self.rate, generator=own)
        return rows * kept.div_(1 - self.rate)

    def by_clip(self, operation: Callable[..., Tensor], *tensors: Tensor | None) -> Tensor:
        """An operation that draws from torch's generator, on every clip's rows of tensors (R, ...), joined again."""
        if not self.active_rate or not self.seeds:
            return operation(*tensors)
        count = len(self.seeds)
        clips = zip(*([None] * count if t is None else t.chunk(count) for t in tensors), strict=True)
        device = next(t.device for t in tensors if t is not None)
        parts = []
        with _generator_put_back(device) as generator:
            for seed, clip in zip(self.seeds, clips, strict=True):
                generator.manual_seed(seed)
                parts.append(operation(*clip))
        return torch.cat(parts)


@contextmanager
def _generator_put_back(device: torch.device) -> Iterator[torch.Generator]:
    """The generator that operations on a device draw from; afterwards it stands as before."""
    generator = torch.cuda.default_generators[device.index] if device.type == "cuda" else torch.default_generator
    state = generator.get_state()
    try:
        yield generator
    finally:
        generator.set_state(state)


def key_drop_path(module: nn.Module) -> None:
    """Replace the library's stochastic depth inside `module`, which drops whole images, by `ClipDropout`."""
    for name, child in module.named_children():
        if isinstance(child, SwinDropPath):
            setattr(module, name, ClipDropout(child.drop_prob, whole_rows=True))
        else:
            key_drop_path(child)
