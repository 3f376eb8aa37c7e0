"""Compiled kernel that takes the masks out of the text of tracks, so that a JSON reader meets only the small rest.

A track is regular when it is an object with one key `segmentations`, whose value lists nulls and run-length codes, all
of one size, compressed or as counts that add up to that size, in the plainest JSON. Everything else is irregular, wrong
or not, and left alone.

Legend: B bytes of text, N tracks, S masks, C characters of codes.
"""

from __future__ import annotations

import numpy as np

from vita.core.compiled import compiled
from vita.data.masks.rle_kernels import FIRST_DIGIT, write_number
from vita.evaluation.counts import Int64s
from vita.evaluation.readers.json_scan import Text, skip_spaces, string_end, value_end

_IRREGULAR = -1  # as json_scan.NOT_HERE
_UNKNOWN = -2  # pixels of a compressed code: whoever decodes it checks them
_MOST_PIXELS = 10**15
_MOST_DIGITS = 15  # of a count: more is no number of pixels

_QUOTE, _ESCAPE, _COMMA, _COLON, _ZERO, _NINE = (ord(character) for character in '"\\,:09')
_OPEN_LIST, _OPEN_OBJECT, _CLOSE_LIST, _CLOSE_OBJECT = ord("["), ord("{"), ord("]"), ord("}")
_LAST_DIGIT = 111  # of a compressed code
_MASKS, _SIZE, _COUNTS = (tuple(f'"{key}"'.encode()) for key in ("segmentations", "size", "counts"))
_NULL = tuple(b"null")


@compiled(nogil=True)
def take_masks(text: Text, bounds: Int64s) -> tuple[Int64s, Int64s, Int64s, Int64s, Text]:
    """Take the masks out of the tracks text[begin:end] of each row of `bounds` (N, 2), which are in order.

    Returns where each track's list of masks begins and ends in `text` (N, 2) (-1: the track is irregular), the height
    and width of its masks (N, 2) (0: it has none), where its masks end among all (N,), where each mask's code ends
    among all (S,), and the codes (C,), compressed; nulls have none.
    """
    places, sizes = np.full(bounds.shape, _IRREGULAR), np.zeros(bounds.shape, np.int64)
    mask_bounds = np.zeros(len(bounds), np.int64)
    room = 0 if len(bounds) == 0 else bounds[-1, 1] - bounds[0, 0]
    # A mask takes two bytes or more. A count of d digits takes up to d characters, and as many in the difference of
    # the next but one to it.
    code_ends, codes = np.empty(room // 2 + 1, np.int64), np.empty(2 * room + 1, np.uint8)
    masks, filled = 0, 0
    for track in range(len(bounds)):
        begin, end = bounds[track]
        masks_end, filled_end = _take_track(
            text, begin, end, places[track], sizes[track], code_ends, masks, codes, filled
        )
        if masks_end == _IRREGULAR:
            places[track] = _IRREGULAR
        else:
            masks, filled = masks_end, filled_end
        mask_bounds[track] = masks
    return places, sizes, mask_bounds, code_ends[:masks].copy(), codes[:filled].copy()


@compiled(nogil=True)
def _take_track(
    text: Text,
    at: int,
    end: int,
    place: Int64s,
    size: Int64s,
    code_ends: Int64s,
    masks: int,
    codes: Text,
    filled: int,
) -> tuple[int, int]:
    """Take the masks of the track text[at:end]: how much of `code_ends` (-1: irregular) and `codes` is filled then.

    Writes `place` (2,) and `size` (2,), also of an irregular track.
    """
    separator = _OPEN_OBJECT
    while _is(text, at, separator):
        separator = _COMMA
        key = skip_spaces(text, at + 1)
        at = _after_key(text, key)
        if at != _IRREGULAR and _reads(text, key, _MASKS):
            # A second list of masks would replace the first.
            before = place[0]
            place[0] = at
            at, masks, filled = _take_list(text, at, code_ends, masks, codes, filled, size)
            place[1] = at if before == _IRREGULAR else _IRREGULAR
        elif at != _IRREGULAR:
            at = value_end(text, at)
        if at == _IRREGULAR:
            return _IRREGULAR, filled
        at = skip_spaces(text, at)
    regular = at == end - 1 and text[at] == _CLOSE_OBJECT and place[1] != _IRREGULAR
    return (masks if regular else _IRREGULAR), filled


@compiled(nogil=True)
def _after_key(text: Text, at: int) -> int:
    """Where the value begins whose key begins at `at`; -1 when there is none, or the key has an escape."""
    if not _is(text, at, _QUOTE):
        return _IRREGULAR
    after = string_end(text, at)
    for place in range(at, after):
        if text[place] == _ESCAPE:
            return _IRREGULAR
    colon = skip_spaces(text, after) if after != _IRREGULAR else text.size
    if colon >= text.size or text[colon] != _COLON:
        return _IRREGULAR
    return skip_spaces(text, colon + 1)


@compiled(nogil=True)
def _take_list(
    text: Text, at: int, code_ends: Int64s, masks: int, codes: Text, filled: int, size: Int64s
) -> tuple[int, int, int]:
    """Take the list of masks at `at`, which the text is known to hold to its end.

    Returns the place after it (-1: irregular), and how much of `code_ends` and `codes` is filled then. Writes `size`.
    """
    if not _is(text, at, _OPEN_LIST):
        return _IRREGULAR, masks, filled
    at = skip_spaces(text, at + 1)
    if _is(text, at, _CLOSE_LIST):
        return at + 1, masks, filled
    while True:
        if _reads(text, at, _NULL):
            at += len(_NULL)
        else:
            at, filled = _take_mask(text, at, codes, filled, size)
            if at == _IRREGULAR:
                return _IRREGULAR, masks, filled
        code_ends[masks] = filled
        masks, at = masks + 1, skip_spaces(text, at)
        if _is(text, at, _CLOSE_LIST):
            return at + 1, masks, filled
        if not _is(text, at, _COMMA):
            return _IRREGULAR, masks, filled
        at = skip_spaces(text, at + 1)


@compiled(nogil=True)
def _take_mask(text: Text, at: int, codes: Text, filled: int, size: Int64s) -> tuple[int, int]:
    """Take the code at `at`: the place after it (-1: irregular) and how much of `codes` is filled then.

    `size` is that of the masks before, 0 for the first, which writes it.
    """
    height, width, pixels, start = np.int64(0), np.int64(0), np.int64(_IRREGULAR), filled
    separator = _OPEN_OBJECT
    for _ in range(2):
        if not _is(text, at, separator):
            return _IRREGULAR, filled
        separator = _COMMA
        key = skip_spaces(text, at + 1)
        at = _after_key(text, key)
        if at == _IRREGULAR:
            return _IRREGULAR, filled
        if _reads(text, key, _SIZE):
            height, width, at = _read_size(text, at)
        elif _reads(text, key, _COUNTS):
            filled, pixels, at = _take_counts(text, at, codes, start)
        else:
            return _IRREGULAR, filled
        if at == _IRREGULAR:
            return _IRREGULAR, filled
        at = skip_spaces(text, at)
    if size[0] == 0:
        size[0], size[1] = height, width
    whole = pixels == _UNKNOWN or pixels == height * width
    regular = filled > start and height > 0 and width > 0 and whole and height == size[0] and width == size[1]
    return (at + 1 if regular and _is(text, at, _CLOSE_OBJECT) else _IRREGULAR), filled


@compiled(nogil=True)
def _read_size(text: Text, at: int) -> tuple[np.int64, np.int64, int]:
    """The two numbers of the list at `at` and the place after it; -1 when irregular."""
    if not _is(text, at, _OPEN_LIST):
        return np.int64(0), np.int64(0), _IRREGULAR
    height, at = _read_count(text, skip_spaces(text, at + 1))
    if at == _IRREGULAR or not _is(text, skip_spaces(text, at), _COMMA):
        return height, np.int64(0), _IRREGULAR
    width, at = _read_count(text, skip_spaces(text, skip_spaces(text, at) + 1))
    if at == _IRREGULAR or not _is(text, skip_spaces(text, at), _CLOSE_LIST):
        return height, width, _IRREGULAR
    return height, width, skip_spaces(text, at) + 1


@compiled(nogil=True)
def _read_count(text: Text, at: int) -> tuple[np.int64, int]:
    """The whole number at `at` and the place after it; -1 when irregular."""
    value, begin = np.int64(0), at
    while at < text.size and _ZERO <= text[at] <= _NINE:
        value = 10 * value + (np.int64(text[at]) - _ZERO)
        at += 1
    digits = at - begin
    if digits == 0 or digits > _MOST_DIGITS or (digits > 1 and text[begin] == _ZERO):
        return value, _IRREGULAR
    return value, at


@compiled(nogil=True)
def _take_counts(text: Text, at: int, codes: Text, filled: int) -> tuple[int, np.int64, int]:
    """Take a code of either kind: how much of `codes` is filled, its pixels if it tells, and the place after it."""
    if _is(text, at, _QUOTE):
        filled, at = _take_string(text, at + 1, codes, filled)
        return filled, np.int64(_UNKNOWN), at
    if _is(text, at, _OPEN_LIST):
        return _take_numbers(text, at + 1, codes, filled)
    return filled, np.int64(_UNKNOWN), _IRREGULAR


@compiled(nogil=True)
def _take_string(text: Text, at: int, codes: Text, filled: int) -> tuple[int, int]:
    """Copy the compressed code at `at`; how much of `codes` is filled, and the place after its quote."""
    while at < text.size:
        while at < text.size and FIRST_DIGIT <= text[at] <= _LAST_DIGIT and text[at] != _ESCAPE:
            codes[filled] = text[at]
            filled, at = filled + 1, at + 1
        if not _is(text, at, _ESCAPE):
            return filled, (at + 1 if _is(text, at, _QUOTE) else _IRREGULAR)
        # Of the digits, only the backslash itself is written with an escape.
        if not _is(text, at + 1, _ESCAPE):
            break
        codes[filled] = _ESCAPE
        filled, at = filled + 1, at + 2
    return filled, _IRREGULAR


@compiled(nogil=True)
def _take_numbers(text: Text, at: int, codes: Text, filled: int) -> tuple[int, np.int64, int]:
    """Compress the counts at `at`: how much of `codes` is filled, their sum, and the place after their bracket."""
    total, number = np.int64(0), 0
    before_last, last = np.int64(0), np.int64(0)
    while True:
        count, at = _read_count(text, skip_spaces(text, at))
        total += count
        if at == _IRREGULAR or total > _MOST_PIXELS:
            return filled, total, _IRREGULAR
        filled = write_number(count - before_last if number > 2 else count, codes, filled)
        before_last, last, number = last, count, number + 1
        at = skip_spaces(text, at)
        if _is(text, at, _CLOSE_LIST):
            return filled, total, at + 1
        if not _is(text, at, _COMMA):
            return filled, total, _IRREGULAR
        at += 1


@compiled(nogil=True)
def _is(text: Text, at: int, character: int) -> bool:
    return at < text.size and text[at] == character


@compiled(nogil=True)
def _reads(text: Text, at: int, word: tuple[int, ...]) -> bool:
    if at + len(word) > text.size:
        return False
    same = True
    for place in range(len(word)):
        same &= text[at + place] == word[place]
    return same
