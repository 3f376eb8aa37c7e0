"""What numbers in files may be, so that nothing absurd is computed with."""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

from vita.core.contract import UserError
from vita.data.masks.rle import short

LARGEST_FRAME = 100_000_000  # pixels; run-length codes count in 32 bits, and nothing that large is a video
LARGEST_ID = 2**63 - 1  # ids become tensors


def is_id(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number in range; True and 1.0 are not."""
    return type(value) is int and -LARGEST_ID <= value <= LARGEST_ID


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is a finite number (JSON's NaN and Infinity are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def finite_number(entry: dict[str, Any], key: str, source: str) -> float:
    """`entry[key]`, as it is. Raises UserError when it is missing or no finite number."""
    value = entry.get(key)
    if not is_number(value):
        raise UserError(f"{source}: `{key}` must be a finite number, not {short(value)}")
    return value


def whole_number(entry: dict[str, Any], key: str, source: str) -> int:
    """`entry[key]`, an integer. Raises UserError when it is missing, of another type or too large for an id."""
    value = entry.get(key)
    if not is_id(value):
        found = f"not {short(value)}" if key in entry else "and is missing"
        raise UserError(f"{source}: `{key}` must be a whole number, {found}")
    return value
