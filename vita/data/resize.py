"""Resizing by the short edge, as the official data loaders do it.

Legend: N masks, T frames, H W pixels.
"""

from __future__ import annotations

import numpy as np
from PIL import Image


def short_edge_size(height: int, width: int, short_edge: int, max_edge: int) -> tuple[int, int]:
    """Height and width after scaling the short edge to `short_edge` pixels and the long one to at most `max_edge`."""
    scale = short_edge / min(height, width)
    new = (float(short_edge), scale * width) if height < width else (scale * height, float(short_edge))
    if max(new) > max_edge:  # a second step, as in the official rule: one step rounds some sizes to the other pixel
        scale = max_edge / max(new)
        new = new[0] * scale, new[1] * scale
    return max(1, int(new[0] + 0.5)), max(1, int(new[1] + 0.5))


def resize_frame(frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear (antialiased when shrinking) resize of (H, W, 3) uint8 to `size` = (height, width)."""
    if frame.shape[:2] == size:
        return frame
    return np.asarray(Image.fromarray(frame).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Nearest-neighbour resize of an (H, W) bool mask to `size` = (height, width)."""
    if mask.shape == size:
        return mask
    picture = Image.fromarray(mask.astype(np.uint8)).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.asarray(picture).astype(bool)
