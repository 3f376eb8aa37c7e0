"""What numbers in files may be, so that nothing absurd is computed with."""

from __future__ import annotations

from typing import Any, TypeGuard

LARGEST_FRAME = 100_000_000  # pixels; run-length codes count in 32 bits, and nothing that large is a video
LARGEST_ID = 2**63 - 1  # ids become tensors


def is_id(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number in range; True and 1.0 are not."""
    return type(value) is int and -LARGEST_ID <= value <= LARGEST_ID
