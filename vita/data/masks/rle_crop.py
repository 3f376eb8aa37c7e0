"""Chosen rows and columns of run-length codes, without unpacking the rest.

Legend: H W pixels of the whole mask, R rows and C columns that are chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import cv2
import numpy as np

from vita.core.contract import Rle
from vita.data.augment.transforms import LineChoice, Lines, Size, chosen_lines
from vita.data.masks.rle import run_lengths


@dataclass(frozen=True, eq=False)
class CodedLines:
    """Line numbers, in any order and as often as they occur: rows (R), columns (C)."""

    rows: Lines
    columns: Lines
    _kept: tuple[Lines, Lines] = field(init=False)  # each number once, ascending: rows, columns
    _places: tuple[Lines, Lines] = field(init=False)  # of each line among those

    def __post_init__(self) -> None:
        lines = [np.unique(numbers, return_inverse=True) for numbers in (self.rows, self.columns)]
        object.__setattr__(self, "_kept", tuple(kept for kept, _ in lines))
        object.__setattr__(self, "_places", tuple(places for _, places in lines))

    def decode(self, code: Rle) -> np.ndarray:
        """(R, C) bool: the pixels of these rows and columns."""
        rows, columns = self._kept
        column, row = np.divmod(np.cumsum(run_lengths(code["counts"])), code["size"][0])  # where each run ends
        # The same among the kept pixels, down the kept columns: whole columns before it, and a part of its own.
        before = np.searchsorted(columns, column)
        own = np.append(columns, -1)[before] == column
        ends = before * len(rows) + own * np.searchsorted(rows, row)
        runs = np.diff(ends, prepend=0)
        lines = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(len(columns), len(rows))
        # Put in order along the columns, whose pixels lie together; the library exchanges both axes by blocks.
        mask = cv2.transpose(_in_order(lines, self._places[1]).view(np.uint8)).view(bool)
        return _in_order(mask, self._places[0])


def _in_order(lines: np.ndarray, places: Lines) -> np.ndarray:
    return lines if np.array_equal(places, np.arange(len(lines))) else lines.take(places, 0)


@lru_cache(maxsize=64)
def coded_lines(choices: tuple[LineChoice, ...], size: Size) -> CodedLines:
    """What several transforms in turn choose of masks of this size: the same for all objects of a frame."""
    return CodedLines(*chosen_lines(choices, size))
