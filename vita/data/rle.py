"""Run-length codes of masks, in the one form the project uses.

Legend: N masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vita.contract import Rle


def encode(masks: np.ndarray) -> list[Rle]:
    """Codes of (N, H, W) bool masks."""
    coded = coco_mask.encode(np.asfortranarray(masks.transpose(1, 2, 0), dtype=np.uint8))
    return [_rle(code) for code in coded]


def decode(segmentations: Sequence[Rle | None], height: int, width: int) -> np.ndarray:
    """(N, H, W) bool of codes of frames of this size; None gives an empty mask."""
    masks = np.zeros((len(segmentations), height, width), bool)
    present = [number for number, segmentation in enumerate(segmentations) if segmentation is not None]
    if present:
        masks[present] = coco_mask.decode([segmentations[number] for number in present]).transpose(2, 0, 1)
    return masks


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
    runs = np.asarray(counts) if isinstance(counts, list) else _runs(counts)
    # pycocotools leaves the pixels after a short code unset, so a wrong one must not get any further.
    if runs.sum() != height * width or runs.min() < 0:
        raise ValueError(f"run lengths add up to {runs.sum()} pixels in a frame of {height * width}")
    return _rle(coco_mask.frPyObjects(segmentation, height, width) if isinstance(counts, list) else segmentation)


def _runs(counts: str | bytes) -> np.ndarray:
    """Run lengths of a compressed code: base-32 digits, low first, each run after the third less the last but one."""
    digits = np.frombuffer(counts.encode() if isinstance(counts, str) else counts, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero((digits & 32) == 0)
    if not len(last) or digits.min() < 0 or digits.max() > 63 or last[-1] != len(digits) - 1:
        raise ValueError("damaged run-length code")
    first = np.append(0, last[:-1] + 1)
    sizes = last - first + 1
    values = np.add.reduceat((digits & 31) << 5 * (np.arange(len(digits)) - np.repeat(first, sizes)), first)
    values -= np.where(digits[last] & 16, 1 << 5 * sizes, 0)
    for parity in (1, 2):
        values[parity::2] = np.cumsum(values[parity::2])
    return values


def _from_polygons(polygons: list[Any], height: int, width: int) -> Rle:
    if not polygons or any(not isinstance(p, list) or len(p) < 6 or len(p) % 2 for p in polygons):
        raise ValueError("a polygon needs at least three x, y pairs")
    return _rle(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _rle(code: dict[str, Any]) -> Rle:
    counts = code["counts"]
    return Rle(size=[int(side) for side in code["size"]], counts=counts if isinstance(counts, str) else counts.decode())
