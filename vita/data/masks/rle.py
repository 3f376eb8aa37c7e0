"""Run-length codes of masks, in the one form the project uses.

Legend: N masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle

DIGITS = 7  # of a run in a compressed code; 35 bits are more than any frame has pixels
LONGEST_OUTLINE = 4_000_000  # pixels, of one polygon


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


def areas(codes: Sequence[Any]) -> np.ndarray:
    """(N,) pixels of compressed codes, as many as there are: pycocotools takes at most 255 at once."""
    parts = [coco_mask.area(codes[first : first + 255]) for first in range(0, len(codes), 255)]
    return np.concatenate([np.zeros(0, np.uint32), *parts])


def normalise(segmentation: Any, height: int, width: int) -> Rle:
    """A compressed code of any form that YouTube-VIS files hold: compressed, list of counts, polygons.

    Raises ValueError saying what is wrong, without the place: the caller knows it.
    """
    if isinstance(segmentation, list):
        return _from_polygons(segmentation, height, width)
    if not isinstance(segmentation, dict) or not {"size", "counts"} <= segmentation.keys():
        raise ValueError("neither a run-length code with `size` and `counts` nor a list of polygons")
    size, counts = segmentation["size"], segmentation["counts"]
    if not isinstance(size, list | tuple) or list(size) != [height, width]:
        raise ValueError(f"mask of size {short(size)} in a video of size {[height, width]} (height, width)")
    _check_runs(counts, height * width)
    code = {"size": [height, width], "counts": counts}
    return _rle(coco_mask.frPyObjects(code, height, width) if isinstance(counts, list) else code)


def _check_runs(counts: Any, pixels: int) -> None:
    """pycocotools leaves pixels after a short code unset and writes past the mask for a long one: neither may pass."""
    if isinstance(counts, list):
        if not counts or set(map(type, counts)) != {int}:
            raise ValueError("run lengths must be a list of whole numbers")
        least, most, total = min(counts), max(counts), sum(counts)  # exact, however large
    elif isinstance(counts, str | bytes):
        runs = run_lengths(counts)
        least, most, total = int(runs.min()), int(runs.max()), int(runs.sum())
    else:
        raise ValueError("`counts` must be a compressed code or a list of run lengths")
    if total != pixels or least < 0 or most > pixels:
        raise ValueError(f"run lengths add up to {short(total)} pixels in a frame of {pixels}")


def run_lengths(counts: str | bytes) -> np.ndarray:
    """Run lengths of a compressed code, of unset and set pixels in turn, down the columns.

    Base-32 digits, low first, each run after the third less the last but one. Raises ValueError on a damaged code.
    """
    code = counts.encode(errors="surrogatepass") if isinstance(counts, str) else counts
    digits = np.frombuffer(code, np.uint8).astype(np.int64) - 48
    last = np.flatnonzero((digits & 32) == 0)
    if not len(last) or digits.min() < 0 or digits.max() > 63 or last[-1] != len(digits) - 1:
        raise ValueError("damaged run-length code")
    first = np.append(0, last[:-1] + 1)
    sizes = last - first + 1
    if sizes.max() > DIGITS:
        raise ValueError("damaged run-length code: a run is longer than any frame")
    values = np.add.reduceat((digits & 31) << 5 * (np.arange(len(digits)) - np.repeat(first, sizes)), first)
    values -= np.where(digits[last] & 16, 1 << 5 * sizes, 0)
    for parity in (1, 2):
        values[parity::2] = np.cumsum(values[parity::2])
    return values


def _from_polygons(polygons: list[Any], height: int, width: int) -> Rle:
    if not polygons or any(not isinstance(p, list) or len(p) < 6 for p in polygons):
        raise ValueError("a polygon needs at least three x, y pairs")
    odd = next((p for p in polygons if len(p) % 2), None)
    if odd is not None:
        raise ValueError(f"a polygon is a list of x, y pairs, but this one has {len(odd)} numbers")
    for polygon in polygons:
        _check_outline(polygon, height, width)
    return _rle(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def _check_outline(polygon: list[Any], height: int, width: int) -> None:
    """pycocotools takes memory for every pixel that an outline passes, inside the frame or not."""
    if not set(map(type, polygon)) <= {int, float}:
        raise ValueError("the coordinates of a polygon must be numbers")
    inside_x = all(-width <= x <= 2 * width for x in polygon[::2])  # NaN fails every comparison
    if not inside_x or not all(-height <= y <= 2 * height for y in polygon[1::2]):
        raise ValueError(f"a polygon reaches far out of the frame of {[height, width]} (height, width)")
    corners = np.asarray(polygon, float).reshape(-1, 2)
    if np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum() > LONGEST_OUTLINE:
        raise ValueError(f"the outline of a polygon is longer than {LONGEST_OUTLINE} pixels")


def short(value: Any) -> str:
    """For a message, at most 60 characters: what a file holds may be long, or a number too large to print."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        text = "too large to print"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _rle(code: dict[str, Any]) -> Rle:
    counts = code["counts"]
    return Rle(size=[int(side) for side in code["size"]], counts=counts if isinstance(counts, str) else counts.decode())
