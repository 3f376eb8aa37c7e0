"""Masks, each alone: run-length codes against arithmetic in Python, polygons against pycocotools."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
from fuzz_target import JSON_WORDS, Seed, Target, agree, differ, outcome, plain_json
from pycocotools import mask as coco_mask

from vita.core.contract import UserError
from vita.data.masks import rle
from vita.data.masks.polygons import Polygons
from vita.data.masks.rle_kernels import NO_FAULT, decode_codes
from vita.data.value_limits import LARGEST_FRAME

DRAWN = 20  # seeds
DECODED = 10**6  # pixels, of a mask that is decoded
WORDS = (*JSON_WORDS, *(bytes([character]) for character in range(47, 113)), b"oooooo", b"0000000", b"PPPPPPPPO")
SIZES = ((1, 1), (3, 4), (32, 48), (480, 640), (1000, 50_000), (7000, 7000))


def code_seeds(folder: Path) -> list[Seed]:
    """Random runs, compressed or not, in frames of one pixel to as many as a frame may have."""
    rng = random.Random(0)
    return [draw_code(rng) for _ in range(DRAWN)]


def draw_code(rng: random.Random) -> Seed:
    """Up to thirteen runs."""
    height, width = rng.choice(SIZES)
    cuts = sorted(rng.randint(0, height * width) for _ in range(rng.randint(0, 12)))
    runs = [stop - start for start, stop in zip([0, *cuts], [*cuts, height * width], strict=True)]
    counts: Any = runs
    if rng.random() < 0.7:
        counts = coco_mask.frPyObjects({"size": [height, width], "counts": runs}, height, width)["counts"].decode()
    document = {"frame": [height, width], "mask": {"size": [height, width], "counts": counts}}
    return Seed("code.json", json.dumps(document).encode())


def use_code(path: Path) -> None:
    """Runs, areas and pixels are those that follow from the format by hand, in both of our readers."""
    (height, width), mask = _read(path)
    code: list[Any] = []

    def ours() -> list[int]:
        code.append(_normalised(mask, height, width))
        return rle.run_lengths(code[0]["counts"]).tolist()

    def plain() -> list[int]:
        if not isinstance(mask, dict) or mask["size"] != [height, width]:
            raise ValueError("another size")
        return _checked_runs(mask["counts"], height * width)

    if isinstance(mask, list):
        raise UserError("a polygon")
    runs = agree(ours, plain, (ValueError, TypeError, KeyError))
    _kernel(code[0]["counts"], runs, height * width)
    if height * width <= DECODED:
        expected = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(width, height).T
        if not np.array_equal(rle.decode(code, height, width)[0], expected):
            differ("other pixels")
    if rle.areas(code).tolist() != [sum(runs[1::2])]:
        differ("another area")


def _normalised(mask: Any, height: int, width: int) -> Any:
    try:
        return rle.normalise(mask, height, width)
    except ValueError as error:
        if isinstance(mask, dict) and isinstance(mask.get("counts"), str) and mask.get("size") == [height, width]:
            _kernel(mask["counts"], None, height * width)
        raise UserError(str(error)) from None


def _kernel(counts: str, runs: list[int] | None, pixels: int) -> None:
    """The compiled reader of evaluation takes the same codes."""
    if not counts or not counts.isascii():
        return  # evaluation leaves these to the other reader
    text = np.frombuffer(counts.encode(), np.uint8)
    ends = np.array([len(text)], np.int64)
    edges, _, areas, fault = decode_codes(text, ends, np.array([True]), pixels)
    if (fault == NO_FAULT) != (runs is not None):
        differ(f"the compiled reader {'takes' if fault == NO_FAULT else 'refuses'} {counts!r}, the other does not")
    if runs is None:
        return
    starts = np.cumsum(runs)[: len(runs) // 2 * 2]
    if areas.tolist() != [sum(runs[1::2])] or edges[: len(starts)].tolist() != starts.tolist():
        differ(f"other edges: {edges.tolist()[:20]} for runs of {runs[:20]}")


def _checked_runs(counts: Any, pixels: int) -> list[int]:
    runs = _compressed_runs(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not runs or {type(run) for run in runs} != {int}:
        raise ValueError("no list of whole numbers")
    if min(runs) < 0 or sum(runs) != pixels:
        raise ValueError("other pixels")
    return runs


def _compressed_runs(text: str) -> list[int]:
    """Base-32 digits, low first, 32 for more of them, the last one signed; from the fourth on less the last but one."""
    runs: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64:
            raise ValueError("no digit")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        value -= (digit & 16) << shift - 4 if digit & 16 else 0
        runs.append(value + (runs[-2] if len(runs) > 2 else 0))
        value = shift = 0
    if shift:
        raise ValueError("breaks off")
    return runs


def _read(path: Path) -> tuple[tuple[int, int], Any]:
    refusal, document = outcome(lambda: plain_json(path), (ValueError, RecursionError))
    sound = refusal is None and isinstance(document, dict) and {"frame", "mask"} <= document.keys()
    frame = document["frame"] if sound else None
    if not isinstance(frame, list) or len(frame) != 2 or {type(side) for side in frame} != {int}:
        raise UserError("no frame")
    if min(frame) < 1 or frame[0] * frame[1] > LARGEST_FRAME:
        raise UserError("no frame of a sensible size")
    return (frame[0], frame[1]), document["mask"]


def polygon_seeds(folder: Path) -> list[Seed]:
    """One to three outlines, some reaching out of the frame, some lines."""
    rng = random.Random(0)
    return [draw_polygons(rng) for _ in range(DRAWN)]


def draw_polygons(rng: random.Random) -> Seed:
    """One to three outlines, and sometimes a line."""
    height, width = rng.choice(SIZES[:5])
    whole = rng.random() < 0.3
    outlines = [
        [
            round(rng.uniform(-side / 2, 1.5 * side), 0 if whole else 2)
            for _ in range(rng.randint(3, 9))
            for side in (width, height)
        ]
        for _ in range(rng.randint(1, 3))
    ]
    document = {"frame": [height, width], "mask": [*outlines, *([[1, 1, 5, 5]] if rng.random() < 0.2 else [])]}
    return Seed("polygons.json", json.dumps(document).encode())


def use_polygons(path: Path) -> None:
    """The mask is what pycocotools fills, outline by outline, and lies in the box of the corners."""
    (height, width), mask = _read(path)
    if not isinstance(mask, list):
        raise UserError("a code")
    try:
        code = rle.normalise(mask, height, width)
    except ValueError as error:
        raise UserError(str(error)) from None
    if int(rle.run_lengths(code["counts"]).sum()) != height * width:
        differ("the code is not of its frame")
    if height * width > DECODED:
        return
    found = rle.decode([code], height, width)[0]
    outlines = [outline for outline in mask if len(outline) > 4]
    filled = np.zeros((height, width), bool)
    for outline in outlines:
        filled |= coco_mask.decode(coco_mask.frPyObjects([outline], height, width))[..., 0].view(bool)
    if not np.array_equal(found, filled):
        differ("other pixels than pycocotools fills")
    if Polygons(tuple(np.reshape(np.asarray(one, float), (-1, 2)) for one in outlines)).code((height, width)) != code:
        differ("another mask of the same corners")
    _in_box(found, outlines)


def _in_box(found: np.ndarray, outlines: list[list[float]]) -> None:
    rows, columns = np.nonzero(found)
    if not len(rows):
        return
    xs, ys = ([one for outline in outlines for one in outline[first::2]] for first in (0, 1))
    if columns.min() < min(xs) - 1 or columns.max() > max(xs) or rows.min() < min(ys) - 1 or rows.max() > max(ys):
        differ("pixels outside of the box of all corners")


CODES = Target("run-length codes", code_seeds, use_code, WORDS, json.loads, draw_code)
POLYGONS = Target("polygons", polygon_seeds, use_polygons, WORDS, json.loads, draw_polygons)
