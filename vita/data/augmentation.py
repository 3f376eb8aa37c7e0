"""Augmentation of a training clip, drawn once for all its frames.

Legend: N instances, T frames, H W pixels. Source: released training configuration of VITA (resize, flip).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vita.config import AugmentationConfig
from vita.data.resize import resize_frame, resize_mask, short_edge_size


@dataclass(frozen=True)
class ClipTransform:
    """What was drawn for one clip. Steps run in the order of the fields; a moving crop would stand between them."""

    size: tuple[int, int]  # height and width after resizing
    flip: bool

    def frames(self, frames: np.ndarray) -> np.ndarray:
        """(T, H, W, 3) uint8 -> (T, H', W', 3)."""
        resized = np.stack([resize_frame(frame, self.size) for frame in frames])
        return resized[:, :, ::-1] if self.flip else resized

    def masks(self, masks: np.ndarray) -> np.ndarray:
        """(N, T, H, W) bool -> (N, T, H', W')."""
        flat = masks.reshape(-1, *masks.shape[-2:])
        resized = np.empty((len(flat), *self.size), bool)
        for target, mask in zip(resized, flat, strict=True):
            target[:] = resize_mask(mask, self.size)
        resized = resized.reshape(*masks.shape[:2], *self.size)
        return resized[..., ::-1] if self.flip else resized


def draw_transform(config: AugmentationConfig, height: int, width: int, rng: np.random.Generator) -> ClipTransform:
    """A transform for one clip of a video of this size."""
    size = (height, width)
    if config.short_edges:
        size = short_edge_size(height, width, int(rng.choice(config.short_edges)), config.max_edge)
    return ClipTransform(size=size, flip=bool(rng.random() < config.flip_probability))
