"""Tensors of a video's frames, kept for later in memory or in a file: appended in order, read back in any parts.

Legend: t frames that are read or written at once; every frame of a store has the same shape.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from vita.core.contract import UserError


class MemoryStore:
    """Keeps the frames on one device, in the pieces in which they were appended."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pieces: list[Tensor] = []

    def __len__(self) -> int:
        return sum(len(piece) for piece in self._pieces)

    def append(self, frames: Tensor) -> None:
        """Keep a copy of the next frames, (t, ...), on any device: what holds them may hold much else."""
        self._pieces.append(frames.detach().to(self._device, copy=True))

    def read(self, start: int, stop: int) -> Tensor:
        """Return a copy of the frames [start, stop), (t, ...), on the store's device."""
        return torch.cat(list(self.pieces(start, stop)))

    def pieces(self, start: int, stop: int) -> Iterator[Tensor]:
        """Yield the frames [start, stop) in turn, (t, ...) each: views, not to be written into."""
        for piece in self._pieces:
            if start < len(piece) and stop > 0:
                yield piece[max(start, 0) : stop]
            start, stop = start - len(piece), stop - len(piece)


class DiskStore:
    """Keeps the frames in one file without a header. What a killed process left of a last frame is dropped on opening.

    Read and written by system calls: a mapped file would count as the process's own memory, page by page.
    """

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: torch.dtype = torch.float32, at_once: int = 1
    ) -> None:
        """Opens `path`, or makes it. Raises UserError when it cannot be opened.

        shape: of a frame.  at_once: frames of a piece.
        """
        self._path, self._shape, self._dtype, self._at_once = path, shape, dtype, at_once
        self._frame_bytes = math.prod(shape) * dtype.itemsize
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            self._file = path.open("r+b", buffering=0)
        except OSError as error:
            raise UserError(f"cannot open {path}: {error.strerror}; choose another place") from None
        self.truncate(path.stat().st_size // self._frame_bytes)

    def __len__(self) -> int:
        return self._frames

    def truncate(self, frames: int) -> None:
        """Forget all frames from number `frames` on."""
        self._file.truncate(frames * self._frame_bytes)
        self._frames = frames

    def append(self, frames: Tensor) -> None:
        """Write the next frames, (t, ...). Raises UserError when the disk is full."""
        rows = frames.detach().to("cpu", self._dtype).contiguous()
        assert rows.shape[1:] == self._shape, f"{self._path}: frames of {tuple(rows.shape[1:])}, not {self._shape}"
        self._write(rows.flatten().view(torch.uint8).numpy().data, self._frames * self._frame_bytes)
        self._frames += len(rows)

    def _write(self, content: memoryview, offset: int) -> None:
        try:
            while content:
                written = os.pwrite(self._file.fileno(), content, offset)
                content, offset = content[written:], offset + written
        except OSError as error:
            raise UserError(
                f"cannot write {self._path}: {error.strerror}; free space or choose another place"
            ) from None

    def read(self, start: int, stop: int) -> Tensor:
        """Return a copy of the frames [start, stop), (t, ...), in host memory."""
        frames = torch.empty(min(stop, self._frames) - start, *self._shape, dtype=self._dtype)
        content, offset = frames.flatten().view(torch.uint8).numpy().data, start * self._frame_bytes
        while content:
            count = os.preadv(self._file.fileno(), [content], offset)
            assert count, f"{self._path}: shorter than what was written"
            content, offset = content[count:], offset + count
        return frames

    def pieces(self, start: int, stop: int) -> Iterator[Tensor]:
        """Yield the frames [start, stop) in turn, `at_once` at a time, (t, ...) each, in host memory."""
        stop = min(stop, self._frames)
        for begin in range(start, stop, self._at_once):
            yield self.read(begin, min(begin + self._at_once, stop))


FrameStore = MemoryStore | DiskStore
