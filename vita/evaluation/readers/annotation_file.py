"""Ground-truth files: the masks of `annotations` stay in the space of their codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.evaluation.readers.json_scan import FINISHED, NOT_HERE, Text, entry_bounds, skip_spaces, value_end
from vita.evaluation.readers.parallel_parse import PIECE, Piece, parse_pieces

_OPEN_LIST, _CLOSE_LIST, _OPEN_OBJECT, _CLOSE_OBJECT, _COMMA, _QUOTE = b'[]{},"'
_ANNOTATIONS = "annotations"


def read_annotations(path: Path) -> Any:
    """The content of a ground-truth file; `segmentations` of annotations are `CodedMasks` where they are in order.

    Raises UserError when the file is missing or not JSON.
    """
    try:
        # A private mapping: nothing is read twice, and it counts as writable to compiled code.
        text = np.asarray(np.memmap(path, np.uint8, "c"))
        begin, end = _annotations_in(text)
        content = json.loads(text[:begin].tobytes().decode() + "0" + text[end:].tobytes().decode())
        content[_ANNOTATIONS] = list(parse_pieces(_pieces(text[:end], begin + 1), _ANNOTATIONS))
        return content
    except (OSError, ValueError, RecursionError):
        # What is not as plain as that is read, or refused, as any other JSON file.
        return read_json(path)


def _annotations_in(text: Text) -> tuple[int, int]:
    """Where the list `annotations` of the object `text` begins and ends. Raises ValueError when there is not one."""
    found: list[tuple[int, int]] = []
    separator, at = _OPEN_OBJECT, skip_spaces(text, 0)
    while at < len(text) and text[at] == separator:
        key = skip_spaces(text, at + 1)
        key_end = _end(text, key) if key < len(text) and text[key] == _QUOTE else 0
        value = skip_spaces(text, skip_spaces(text, key_end) + 1)
        end = _end(text, value)
        if json.loads(text[key:key_end].tobytes()) == _ANNOTATIONS:
            found.append((value, end))
        separator, at = _COMMA, skip_spaces(text, end)
    if len(found) != 1 or text[found[0][0]] != _OPEN_LIST:
        raise ValueError("not one list of annotations")
    return found[0]


def _end(text: Text, at: int) -> int:
    end = value_end(text, at)
    if end == NOT_HERE:
        raise ValueError("the text breaks off")
    return int(end)


def _pieces(text: Text, at: int) -> Iterator[Piece]:
    """Cut the list that ends with `text` between its entries, the first of which is at or after `at`."""
    if text[skip_spaces(text, at)] == _CLOSE_LIST:
        return
    number, state = 0, None
    while state != FINISHED:
        bounds, at, state = entry_bounds(text, at, PIECE)
        if not len(bounds):
            raise UserError(f"annotation {number} is not followed by another")
        yield Piece(text, bounds, number)
        number += len(bounds)
