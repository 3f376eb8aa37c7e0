"""A video of random frames, and a model that finds masks in it."""

from __future__ import annotations

import torch
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.model.method import Vita


class Noise:
    """A `FrameSource` of random frames that notes what is read."""

    def __init__(self, frames: int, height: int = 40, width: int = 50) -> None:
        random = torch.Generator().manual_seed(7)
        self.frames = torch.randint(0, 256, (frames, 3, height, width), dtype=torch.uint8, generator=random)
        self.out_height, self.out_width = 60, 75
        self.reads: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, start: int, stop: int) -> Tensor:
        self.reads.append((start, stop))
        return self.frames[start:stop]


def with_masks(model: Vita) -> Vita:
    """Untrained, its mask features shifted to a mean of zero, so that masks have an inside and an outside."""
    with torch.no_grad():
        features = model.mask_projection(model.detector(normalise_and_pad([Noise(5).frames])).pixel_map)
        model.mask_projection.bias -= features.mean((0, 2, 3))
    return model
