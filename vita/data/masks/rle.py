"""Run-length codes of masks, in the one form the project uses.

Legend: N masks, H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle

DIGITS = 7  # of a run in a compressed code; 35 bits are more than any frame has pixels
LONGEST_OUTLINE = 4_000_000  # pixels, of all polygons of a mask


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


def union(codes: Sequence[Rle]) -> Rle:
    """The code of the pixels that at least one of the masks holds; all are of one size, and there is at least one."""
    return codes[0] if len(codes) == 1 else _rle(coco_mask.merge(list(codes)))


def is_absent(segmentation: Any) -> bool:
    """Whether the value in the place of a mask says that there is none: null, or [], {} or "" of some tools."""
    return not segmentation


def normalise(segmentation: Any, height: int, width: int) -> Rle:
    """A compressed code of any form that YouTube-VIS files hold: compressed, list of counts, polygons.

    Raises ValueError saying what is wrong, without the place: the caller knows it.
    """
    if isinstance(segmentation, list):
        return _from_polygons(drop_lines(segmentation), height, width)
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


def drop_lines(outlines: list[Any]) -> list[Any]:
    """Polygons without those of less than three corners, which hold no pixel; files in use have a few beside others."""
    return [one for one in outlines if not (isinstance(one, list) and len(one) in (0, 2, 4))]


def _from_polygons(polygons: list[Any], height: int, width: int) -> Rle:
    if not polygons:
        raise ValueError("a polygon needs at least three x, y pairs")
    check_outlines(polygons, height, width)
    return fill(polygons, height, width)


def fill(polygons: list[list[float]], height: int, width: int) -> Rle:
    """The code of the pixels that at least one polygon holds; what lies outside of the frame is cut off."""
    return _rle(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))


def check_outlines(polygons: list[Any], height: int, width: int) -> None:
    """Raises ValueError saying what is wrong with a mask's polygons, each a list of x, y in turn, in pixels.

    pycocotools takes memory and time for every pixel that an outline passes, inside the frame or not.
    """
    for polygon in polygons:
        _check_outline(polygon, height, width)
    longest = 3 * max(height, width) / 2
    possible = sum(map(len, polygons)) * longest > LONGEST_OUTLINE
    if possible and sum(map(_outline_length, polygons)) > LONGEST_OUTLINE:
        raise ValueError(f"the outlines of a mask are longer than {LONGEST_OUTLINE} pixels")


def _outline_length(polygon: list[float]) -> float:
    """Pixels that pycocotools passes, at most."""
    corners = np.asarray(polygon, float).reshape(-1, 2)
    return float(np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1).sum())


def _check_outline(polygon: Any, height: int, width: int) -> None:
    if isinstance(polygon, int | float):
        raise ValueError("a mask is a list of polygons, but this one is a list of numbers: put it into brackets")
    if not isinstance(polygon, list) or len(polygon) % 2:
        found = f"this one has {len(polygon)} numbers" if isinstance(polygon, list) else f"found {short(polygon)}"
        raise ValueError(f"a polygon is a list of x, y pairs, but {found}")
    if not set(map(type, polygon)) <= {int, float}:
        raise ValueError("the coordinates of a polygon must be numbers")
    near = all(
        -length <= min(along) and max(along) <= 2 * length
        for along, length in ((polygon[::2], width), (polygon[1::2], height))
    )
    if not near or not math.isfinite(sum(polygon)):  # min and max may pass over what is not a number
        raise ValueError(f"a polygon reaches far out of the image of {[height, width]} (height, width)")


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
