"""Which positions of a map are padding, and where each of the others lies in its image.

Legend: F images, C channels, H W pixels, h w positions of a map.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from vita.blocks.clip_position import waves_of


def padding_of(sizes: Sequence[tuple[int, int]], shape: tuple[int, int], stride: int, device: torch.device) -> Tensor:
    """bool (F, h, w), True at padding, for images of `sizes` (height, width in pixels) at the top left of a batch.

    A position that an image reaches into, however little, is not padding.
    """
    padding = torch.ones(len(sizes), *shape, dtype=torch.bool, device=device)
    for image, (height, width) in zip(padding, sizes, strict=True):
        image[: math.ceil(height / stride), : math.ceil(width / stride)] = False
    return padding


def sine_position(padding: Tensor, channels: int) -> Tensor:
    """bool (F, h, w) -> (F, C, h, w): y, then x, each running over one circle across the part without padding.

    Sines and cosines, in turn, at falling frequencies, as in DETR.
    """
    inside = (~padding).to(torch.get_default_dtype())
    y, x = (_turns(inside.cumsum(axis), axis) for axis in (1, 2))
    return torch.cat([waves_of(y, channels // 2), waves_of(x, channels // 2)], 3).permute(0, 3, 1, 2)


def _turns(count: Tensor, axis: int) -> Tensor:
    """Number of a row or column from 1 -> angle; the last one's is a full turn."""
    return count / (count.narrow(axis, -1, 1) + 1e-6) * (2 * math.pi)
