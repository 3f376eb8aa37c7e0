"""Mask losses look at sampled points only, and never at upsampled masks.

Legend: R masks, G maps of one mask, P points, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.core.batch import clip_seeds
from vita.core.contract import BatchPart

# Of every target in turn: the number of its clip in the pass, and how many sets of points it needs.
Owners = Sequence[tuple[int, int]]


class Draws(Protocol):
    """Where random points come from; recorded draws can stand in for the generator."""

    def __call__(self, purpose: str, *shape: int, owners: Owners) -> Tensor:
        """Uniform numbers in [0, 1); purpose is "matching", "candidates" or "rest".

        shape: (..., P, 2). owners: whose the sets of points are; what stands before P is all of theirs, repeated.
        """
        ...


class UniformDraws:
    """Draws from torch's global generator of one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, purpose: str, *shape: int, owners: Owners) -> Tensor:
        """See `Draws`."""
        return torch.rand(shape, device=self.device)


class ClipDraws:
    """Draws of each clip from a generator of its own, so that they are the same however a batch is divided."""

    def __init__(self, part: BatchPart, device: torch.device) -> None:
        self.device = device
        self.generators = [torch.Generator(device).manual_seed(seed) for (seed,) in clip_seeds(part, "points", 1)]

    def __call__(self, purpose: str, *shape: int, owners: Owners) -> Tensor:
        """See `Draws`."""
        repeats = math.prod(shape[:-2]) // max(1, sum(sets for _, sets in owners))
        # Draw once for all targets of a clip, then bring them into the order of the targets.
        parts = []
        for clip, generator in enumerate(self.generators):
            sets = [count for owner, count in owners if owner == clip]
            drawn = torch.rand(repeats, sum(sets), *shape[-2:], generator=generator, device=self.device)
            parts.append(iter(drawn.split(sets, 1)))
        return torch.cat([next(parts[owner]) for owner, _ in owners], 1).reshape(shape)


def draws_for(part: BatchPart | None, device: torch.device) -> Draws:
    """Each clip's own draws in a part of a batch; outside of the trainer (None), torch's generator."""
    return UniformDraws(device) if part is None else ClipDraws(part, device)


def sample(maps: Tensor, points: Tensor) -> Tensor:
    """Bilinear values of maps (R, G, H, W) at points (R, P, 2), x first, in [0, 1] -> (R, G, P)."""
    return F.grid_sample(maps, 2 * points[:, None].to(maps.dtype) - 1, align_corners=False).squeeze(2)


def sample_masks(masks: Tensor, rows: Tensor, points: Tensor) -> Tensor:
    """As `sample`, of masks (M, H, W) bool at points (R, P, 2), whose masks are `rows` (R,) -> (R, P).

    Only pixels that are asked for are looked at: masks as numbers, or one for each row, would fill much memory.
    """
    height, width = masks.shape[1:]
    (west, east), (west_share, east_share) = _neighbours(points[..., 0] * width - 0.5, width)
    (north, south), (north_share, south_share) = _neighbours(points[..., 1] * height - 0.5, height)
    flat, first = masks.flatten(), (rows * (height * width))[:, None]
    above, below = first + north * width, first + south * width
    upper = flat[above + west] * west_share + flat[above + east] * east_share
    lower = flat[below + west] * west_share + flat[below + east] * east_share
    return upper * north_share + lower * south_share


def _neighbours(place: Tensor, edge: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """The pixels before and after places along an edge, and their shares: outside of the mask is nothing."""
    before = place.floor()
    share = place - before
    shares = (1 - share) * (before >= 0), share * (before < edge - 1)
    before = before.long()
    return (before.clamp(min=0), (before + 1).clamp(max=edge - 1)), shares


def uncertain_points(
    logits: Tensor, count: int, oversample: float, importance: float, draws: Callable[..., Tensor]
) -> Tensor:
    """For every mask its own points, (R, P, 2): most where the logit is nearest to 0, the rest anywhere.

    logits: (R, H, W); draws: `Draws` that know the owners of the R masks.
    From oversample * P candidates the importance * P most uncertain are kept (both truncated).
    """
    rows, uncertain = len(logits), int(importance * count)
    candidates = draws("candidates", rows, int(oversample * count), 2)
    with torch.no_grad():
        certainty = sample(logits[:, None], candidates)[:, 0].abs()
        chosen = certainty.topk(uncertain, dim=1, largest=False).indices
    kept = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    return torch.cat([kept, draws("rest", rows, count - uncertain, 2)], dim=1)
