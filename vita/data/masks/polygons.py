"""Masks as polygons, which can be moved before they become pixels.

Legend: P corners (x, y) in pixels from the top left corner, H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle
from vita.data.augment.transforms import Floats, Size
from vita.data.masks import rle


@dataclass(frozen=True, eq=False)
class Polygons:
    """One object's outlines, each (P, 2); the mask is what at least one of them holds."""

    outlines: tuple[Floats, ...]

    def moved(self, points: Callable[[Floats], Floats]) -> Polygons:
        """With every corner moved by `points`, (P, 2) -> (P, 2)."""
        return Polygons(tuple(points(outline) for outline in self.outlines))

    def code(self, size: Size) -> Rle:
        """The code of the pixels of a frame of this size (height, width); what lies outside is cut off."""
        return rle.fill([outline.ravel().tolist() for outline in self.outlines], *size)

    def mask(self, size: Size) -> np.ndarray:
        """The same as (H, W) bool."""
        return np.asarray(coco_mask.decode(self.code(size))).view(bool)


Segmentation = Rle | Polygons | None  # None: the object is not seen


def code_of(segmentation: Segmentation, size: Size) -> Rle | None:
    """A run-length code of either form, in a frame of this size."""
    return segmentation.code(size) if isinstance(segmentation, Polygons) else segmentation
