"""Where a token lies in a clip: y and x side by side, as in images, and time added over the full width.

Legend: T frames, h w positions of a map, C channels.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

TEMPERATURE = 10_000.0


def position_in_clip(shape: torch.Size, device: torch.device) -> Tensor:
    """For tokens (T, h, w, C), of that shape. Every coordinate runs once round the circle, from first to last."""
    frames, height, width, channels = shape
    y, x = (waves(size, channels // 2, device) for size in (height, width))
    rows = y[:, None].expand(-1, width, -1)
    columns = x[None].expand(height, -1, -1)
    return torch.cat([rows, columns], 2) + waves(frames, channels, device)[:, None, None]


def waves(size: int, channels: int, device: torch.device) -> Tensor:
    """`waves_of` the coordinates 1 to `size`, the last of which is a full turn: (size, channels)."""
    return waves_of(torch.arange(1, size + 1, device=device) / (size + 1e-6) * (2 * math.pi), channels)


def waves_of(angle: Tensor, channels: int) -> Tensor:
    """Sines and cosines, in turn, of angles (...) at falling frequencies: (..., channels).

    The exponents depend on the number of channels, so that time has others than y and x.
    """
    exponent = 2 * torch.arange(channels // 2, device=angle.device) / channels
    phase = angle[..., None] / TEMPERATURE**exponent
    return torch.stack([phase.sin(), phase.cos()], -1).flatten(-2)
