"""The masks of a track in the space of their codes.

Legend: T frames, S masks, B characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class CodedMasks(Sequence[str]):
    """Compressed run-length codes, one a frame, "" where there is no mask: reads as a list of strings.

    text: (B,) ASCII characters of all codes.  ends: (T,) where each ends in `text`.  size: (height, width) in pixels
    that the masks were written with, each the same; None when there is none.
    """

    text: NDArray[np.uint8]
    ends: NDArray[np.int64]
    size: tuple[int, int] | None

    @classmethod
    def join(cls, codes: Sequence[str], size: tuple[int, int] | None = None) -> CodedMasks:
        """Of a list of ASCII strings."""
        text = np.frombuffer("".join(codes).encode("ascii"), np.uint8)
        return cls(text, np.cumsum(np.fromiter(map(len, codes), np.int64, len(codes))), size)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, frame: int) -> str: ...
    @overload
    def __getitem__(self, frame: slice) -> list[str]: ...
    def __getitem__(self, frame: int | slice) -> str | list[str]:
        if isinstance(frame, slice):
            return [self[number] for number in range(*frame.indices(len(self)))]
        number = range(len(self))[frame]
        begin = self.ends[number - 1] if number else 0
        return self.text[begin : self.ends[number]].tobytes().decode("ascii")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to lists, which have none

    def segmentations(self) -> list[dict[str, Any] | None]:
        """As a file writes them: codes with their size, null where there is no mask."""
        return [{"size": list(self.size or ()), "counts": code} if code else None for code in self]
