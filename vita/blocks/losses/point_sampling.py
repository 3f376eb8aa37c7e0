"""Mask losses look at sampled points only, and never at upsampled masks.

Legend: R masks, G maps of one mask, P points, H W pixels.
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Draws(Protocol):
    """Where random points come from; recorded draws can stand in for the generator."""

    def __call__(self, purpose: str, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1); purpose is "matching", "candidates" or "rest"."""
        ...


class UniformDraws:
    """Draws from torch's global generator of one device."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, purpose: str, *shape: int) -> Tensor:
        """See `Draws`."""
        return torch.rand(shape, device=self.device)


def sample(maps: Tensor, points: Tensor) -> Tensor:
    """Bilinear values of maps (R, G, H, W) at points (R, P, 2), x first, in [0, 1] -> (R, G, P)."""
    return F.grid_sample(maps, 2 * points[:, :, None].to(maps.dtype) - 1, align_corners=False).squeeze(3)


def uncertain_points(logits: Tensor, count: int, oversample: float, importance: float, draws: Draws) -> Tensor:
    """For every mask its own points, (R, P, 2): most where the logit is nearest to 0, the rest anywhere.

    logits: (R, H, W). From oversample * P candidates the importance * P most uncertain are kept (both truncated).
    """
    rows, uncertain = len(logits), int(importance * count)
    candidates = draws("candidates", rows, int(oversample * count), 2)
    with torch.no_grad():
        certainty = sample(logits[:, None], candidates)[:, 0].abs()
        chosen = certainty.topk(uncertain, dim=1, largest=False).indices
    kept = candidates.gather(1, chosen[..., None].expand(-1, -1, 2))
    return torch.cat([kept, draws("rest", rows, count - uncertain, 2)], dim=1)
