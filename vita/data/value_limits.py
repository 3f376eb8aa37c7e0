"""What numbers in files may be, so that nothing absurd is computed with."""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

from vita.core.contract import UserError
from vita.data.masks.rle import short

# Pixels. In a frame of 3 * 2^24 or more, four runs may take six characters each, and the end of such a code is what
# pycocotools writes behind the memory that it has taken.
LARGEST_FRAME = 50_000_000
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
