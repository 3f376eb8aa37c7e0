"""Run-length codes of masks, in the one form the project uses.

Legend: N masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vita.contract import Rle, UserError


def encode(masks: np.ndarray) -> list[Rle]:
    """Codes of (N, H, W) bool masks."""
    coded = coco_mask.encode(np.asfortranarray(masks.transpose(1, 2, 0), dtype=np.uint8))
    return [_rle(code) for code in coded]


def decode(segmentations: Sequence[Rle | None], height: int, width: int) -> np.ndarray:
    """(N, H, W) bool; None gives an empty mask. Raises UserError on a code that does not fill the frame."""
    masks = np.zeros((len(segmentations), height, width), bool)
    for mask, segmentation in zip(masks, segmentations, strict=True):
        if segmentation is not None:
            mask[:] = _decode_one(segmentation)
    return masks


def _decode_one(segmentation: Rle) -> np.ndarray:
    try:
        return coco_mask.decode(segmentation)
    except ValueError:
        raise UserError(f"a mask's run lengths do not fill its size {segmentation['size']}; export it again") from None


def normalise(segmentation: Any, height: int, width: int) -> Rle:
    """A compressed code of any form that YouTube-VIS files hold: compressed, list of counts, polygons.

    Raises ValueError saying what is wrong, without the place: the caller knows it.
    """
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, height, width)
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        raise ValueError("neither a run-length code with `size` and `counts` nor a list of polygons")
    size, counts = segmentation["size"], segmentation["counts"]
    if list(size) != [height, width]:
        raise ValueError(f"mask of size {list(size)} in a video of size {[height, width]} (height, width)")
    if not isinstance(counts, list):
        return _rle({"size": size, "counts": counts})
    if sum(counts) != height * width or min(counts) < 0:
        raise ValueError(f"run lengths add up to {sum(counts)} pixels in a frame of {height * width}")
    return _rle(coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width))


def _from_polygons(polygons: list[Any], height: int, width: int) -> Rle:
    if not polygons or any(not isinstance(p, list) or len(p) < 6 or len(p) % 2 for p in polygons):
        raise ValueError("a polygon needs at least three x, y pairs")
    return _rle(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _rle(code: dict[str, Any]) -> Rle:
    counts = code["counts"]
    return Rle(size=[int(side) for side in code["size"]], counts=counts if isinstance(counts, str) else counts.decode())
