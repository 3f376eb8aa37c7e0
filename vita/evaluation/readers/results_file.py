"""Results files, read once and a piece at a time.

Legend: B bytes.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.contract import UserError
from vita.core.written_files import check_as_written
from vita.data.value_limits import whole_number
from vita.evaluation.readers.json_scan import BROKEN, FINISHED, Text, entry_bounds, skip_spaces
from vita.evaluation.readers.parallel_parse import PIECE, Piece, parse_pieces

_OPEN_LIST, _CLOSE_LIST = b"[]"
_ZIP = b"PK\x03\x04"


def read_tracks(path: Path) -> Iterator[Any]:
    """The entries of a results file, in its order, while it is read.

    `segmentations` are `CodedMasks` where they are in order, otherwise what the file holds. Raises UserError when the
    file is missing, is not a list in valid JSON, or is not as the run that left it says.
    """
    check_as_written(path)
    try:
        with path.open("rb", buffering=0) as handle:
            yield from parse_pieces(_pieces(handle, str(path)), f"{path}: prediction")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def ids_of(entry: Any, where: str) -> tuple[int, int]:
    """Video and category of an entry; `where` opens messages. Raises UserError when it is no object or lacks an id."""
    if not isinstance(entry, dict):
        raise UserError(f"{where} must be an object with video_id, category_id, score and segmentations")
    return whole_number(entry, "video_id", where), whole_number(entry, "category_id", where)


def _pieces(handle: RawIOBase, source: str) -> Iterator[Piece]:
    """Cut the list in `handle` between its entries."""
    text, ended = _past_spaces(handle, np.empty(0, np.uint8), False)
    if text[: len(BOM_UTF8)].tobytes() == BOM_UTF8:  # as some editors begin a text
        text, ended = _past_spaces(handle, text[len(BOM_UTF8) :], ended)
    if text[: len(_ZIP)].tobytes() == _ZIP:
        raise UserError(f"{source}: an archive; unpack the results file in it and name that (`vita import` takes both)")
    if not len(text) or text[0] != _OPEN_LIST:
        raise UserError(f"{source}: predictions must be a list of objects, one a track")
    text, ended = _past_spaces(handle, text[1:], ended)
    finished = len(text) > 0 and text[0] == _CLOSE_LIST
    at, number = int(finished), 0
    while not finished:
        bounds, at, state = entry_bounds(text, at, len(text))
        yield Piece(text, bounds, number)
        number, finished = number + len(bounds), state == FINISHED
        if state == BROKEN or (ended and not finished):
            raise UserError(f"{source}: not valid JSON: the list breaks off at prediction {number}; is the file whole?")
        if not finished:
            text, ended = _next(handle, text[at:])
            at = 0
    if len(_past_spaces(handle, text[at:], ended)[0]):
        raise UserError(f"{source}: not valid JSON: something follows the list of predictions; write the file again")


def _past_spaces(handle: RawIOBase, text: Text, ended: bool) -> tuple[Text, bool]:
    """What follows of `text` and the file after white space, empty at the end of the file; whether that is all."""
    text = text[skip_spaces(text, 0) :]
    while not len(text) and not ended:
        text, ended = _next(handle, text)
        text = text[skip_spaces(text, 0) :]
    return text, ended


def _next(handle: RawIOBase, rest: Text) -> tuple[Text, bool]:
    """`rest` and the next bytes of the file (B,); whether that is all. A long rest is followed by as much again."""
    text = np.empty(len(rest) + max(PIECE, len(rest)), np.uint8)
    text[: len(rest)] = rest
    filled = len(rest)
    while filled < len(text):
        count = handle.readinto(text[filled:].data)
        if not count:
            return text[:filled], True
        filled += count
    return text, False
