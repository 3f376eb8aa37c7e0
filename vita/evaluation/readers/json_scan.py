"""Compiled kernels that find the bounds of values in JSON text, without checking what is inside them.

A value's end is right whenever the text is valid JSON; in any other text it is some place, or missing. Whoever parses
the values notices.

Legend: B bytes of text, N entries of a list.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vita.core.compiled import compiled
from vita.evaluation.counts import Int64s

Text = NDArray[np.uint8]

NOT_HERE = -1
MORE, FINISHED, BROKEN = 0, 1, 2

_QUOTE, _ESCAPE, _COMMA = ord('"'), ord("\\"), ord(",")
_OPEN_OBJECT, _CLOSE_LIST, _CLOSE_OBJECT = ord("{"), ord("]"), ord("}")
_BRACE_BIT = 32  # `[` and `]` with this bit are `{` and `}`
_SPACES = (ord(" "), ord("\n"), ord("\r"), ord("\t"))


@compiled(nogil=True)
def skip_spaces(text: Text, at: int) -> int:
    """The first place from `at` on that is no white space; the end of the text when there is none."""
    while at < text.size and text[at] in _SPACES:
        at += 1
    return at


@compiled(nogil=True)
def string_end(text: Text, at: int) -> int:
    """The place after the string whose opening quote is at `at`; -1 when it does not end."""
    at += 1
    while at < text.size:
        # A loop of its own, since all but a few characters end here.
        while at < text.size and text[at] != _QUOTE and text[at] != _ESCAPE:
            at += 1
        if at < text.size and text[at] == _QUOTE:
            return at + 1
        at += 2
    return NOT_HERE


@compiled(nogil=True)
def value_end(text: Text, at: int) -> int:
    """The place after the value that begins at `at`; -1 when it does not end before the text does."""
    if at >= text.size:
        return NOT_HERE
    if text[at] == _QUOTE:
        return string_end(text, at)
    if text[at] | _BRACE_BIT == _OPEN_OBJECT:
        return _bracket_end(text, at)
    return _scalar_end(text, at)


@compiled(nogil=True)
def _bracket_end(text: Text, at: int) -> int:
    depth = 0
    while at != NOT_HERE and at < text.size:
        while at < text.size and text[at] != _QUOTE and text[at] | _BRACE_BIT not in (_OPEN_OBJECT, _CLOSE_OBJECT):
            at += 1
        if at < text.size and text[at] == _QUOTE:
            at = string_end(text, at)
        elif at < text.size:
            # The two kinds of brackets count alike: whoever parses the value tells them apart.
            depth += 1 if text[at] | _BRACE_BIT == _OPEN_OBJECT else -1
            at += 1
            if depth == 0:
                return at
    return NOT_HERE


@compiled(nogil=True)
def _scalar_end(text: Text, at: int) -> int:
    while at < text.size:
        character = text[at]
        if character in (_COMMA, _CLOSE_LIST, _CLOSE_OBJECT) or character in _SPACES:
            return at
        at += 1
    return NOT_HERE


@compiled(nogil=True)
def entry_bounds(text: Text, at: int, most: int) -> tuple[Int64s, int, int]:
    """Bounds (N, 2) of whole entries of a list, beginning with the one at or after `at`, in some `most` bytes.

    Also the place after the last of them and its comma, and whether the list is FINISHED there (then the place after
    its bracket), goes on (MORE), or is BROKEN. An entry that the text does not hold to its end, with the comma or
    bracket after it, is left out.
    """
    stop = min(at + most, text.size)
    # An entry and its comma take two bytes or more.
    bounds = np.empty(((stop - at) // 2 + 1, 2), np.int64)
    found, state = 0, MORE
    while state == MORE and at < stop:
        begin = skip_spaces(text, at)
        end = value_end(text, begin)
        after = skip_spaces(text, end) if end != NOT_HERE else text.size
        if end == begin or (after < text.size and text[after] not in (_COMMA, _CLOSE_LIST)):
            state = BROKEN
        elif after == text.size:
            break
        else:
            bounds[found, 0], bounds[found, 1] = begin, end
            found, at = found + 1, after + 1
            state = FINISHED if text[after] == _CLOSE_LIST else MORE
    return bounds[:found].copy(), at, state
