"""Resizing by the short edge, as the official data loaders do it.

Legend: H W pixels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = np.ndarray | Image.Image  # of uint8 RGB, (H, W, 3) when an array; decoded files need not become arrays first


def short_edge_size(height: int, width: int, short_edge: int, max_edge: int) -> tuple[int, int]:
    """Height and width after scaling the short edge to `short_edge` pixels and the long one to at most `max_edge`."""
    scale = short_edge / min(height, width)
    new = (float(short_edge), scale * width) if height < width else (scale * height, float(short_edge))
    if max(new) > max_edge:  # a second step, as in the official rule: one step rounds some sizes to the other pixel
        scale = max_edge / max(new)
        new = new[0] * scale, new[1] * scale
    return max(1, int(new[0] + 0.5)), max(1, int(new[1] + 0.5))


def resize_frame(frame: Picture, size: tuple[int, int]) -> np.ndarray:
    """Bilinear (antialiased when shrinking) resize to (H, W, 3) uint8 of `size` = (height, width)."""
    picture = frame if isinstance(frame, Image.Image) else Image.fromarray(frame)
    if (picture.height, picture.width) == size:
        return np.asarray(frame)
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BILINEAR))


@lru_cache(maxsize=4096)
def nearest_pixels(old: int, new: int) -> NDArray[np.int64]:
    """For each of `new` pixels of a line, the number of the nearest of `old` ones, by Pillow's own rounding."""
    line = Image.fromarray(np.arange(old, dtype=np.int32)[None])
    chosen = np.asarray(line.resize((new, 1), Image.Resampling.NEAREST))[0].astype(np.int64)
    chosen.flags.writeable = False  # it is shared
    return chosen
