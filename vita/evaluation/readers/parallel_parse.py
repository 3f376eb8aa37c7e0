"""Pieces of a JSON list of tracks, parsed beside each other: the masks stay in the space of their codes.

Compiled code takes the masks out; a JSON reader parses the rest of each track, and whole a track that is out of the
ordinary. So what is read, or refused, is the same as if the JSON reader had read everything.

Legend: N tracks.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from vita.core.contract import UserError
from vita.core.threads import usable_cores
from vita.data.masks.encoded_masks import CodedMasks
from vita.evaluation.counts import Int64s
from vita.evaluation.readers.json_scan import Text
from vita.evaluation.readers.mask_scan import take_masks

PIECE = 1 << 20  # bytes that are parsed together
_MASKS = "segmentations"


@dataclass(frozen=True)
class Piece:
    """Some tracks of a file, in its order.

    bounds: (N, 2) where each begins and ends in `text`.  first: number of the first of them in the file.
    """

    text: Text
    bounds: Int64s
    first: int


def parse_pieces(pieces: Iterator[Piece], source: str) -> Iterator[Any]:
    """The tracks of all pieces, in order; `segmentations` are `CodedMasks` where they are in order.

    source: names the file and the kind of track in messages. Raises UserError naming a track that is not valid JSON.
    """
    ahead: deque[Future[list[Any]]] = deque()
    pool, given_up = ThreadPoolExecutor(usable_cores()), False
    try:
        for piece in pieces:
            ahead.append(pool.submit(_parse, piece, source))
            if len(ahead) > usable_cores():
                yield from ahead.popleft().result()
        while ahead:
            yield from ahead.popleft().result()
    except GeneratorExit:
        # Where whoever reads gives up, the garbage collector may run this, and in a thread that is just being started:
        # there a wait for another thread never ends.
        given_up = True
        raise
    finally:
        pool.shutdown(wait=not given_up, cancel_futures=True)


def _parse(piece: Piece, source: str) -> list[Any]:
    text, bounds = piece.text, piece.bounds
    entries: list[Any] = [None] * len(bounds)
    for track, entry in _parse_regular(text, bounds):
        entries[track] = entry
    for track, entry in enumerate(entries):
        if entry is None:
            begin, end = bounds[track]
            entries[track] = _parse_plainly(text[begin:end], f"{source} {piece.first + track}")
    return entries


def _parse_regular(text: Text, bounds: Int64s) -> Iterator[tuple[int, Any]]:
    """Number and content of each track that is regular; none when one of them is not valid JSON."""
    places, sizes, mask_bounds, code_ends, codes = take_masks(text, bounds)
    regular = np.flatnonzero(places[:, 0] >= 0)
    shells = b",".join(
        text[begin:start].tobytes() + b"0" + text[stop:end].tobytes()
        for (begin, end), (start, stop) in zip(bounds[regular].tolist(), places[regular].tolist(), strict=True)
    )
    try:
        parsed = json.loads(f"[{shells.decode()}]")
    except (ValueError, RecursionError):
        return
    code_bounds = np.append(0, code_ends)
    mask_starts = np.append(0, mask_bounds)
    for track, entry in zip(regular.tolist(), parsed, strict=True):
        first, last = mask_starts[track], mask_starts[track + 1]
        begin, end = code_bounds[first], code_bounds[last]
        size = (int(sizes[track, 0]), int(sizes[track, 1])) if sizes[track, 0] else None
        # Copies: a track that is kept does not keep the others of its piece.
        entry[_MASKS] = CodedMasks(codes[begin:end].copy(), code_ends[first:last] - begin, size)
        yield track, entry


def _parse_plainly(text: Text, source: str) -> Any:
    try:
        return json.loads(text.tobytes().decode())
    except RecursionError:
        raise UserError(f"{source} is nested too deeply to be read; write the file again") from None
    except ValueError as error:
        raise UserError(f"{source} is not valid JSON: {error}; write the file again") from None
