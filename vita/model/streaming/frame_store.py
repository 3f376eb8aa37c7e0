"""Tensors of a video's frames, kept outside the device and read back a few frames at a time.

Legend: t frames that are read or written at once; every frame has one shape, which is the store's.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from vita.core.contract import UserError


class FrameStore(Protocol):
    """Frames that are appended in order and read in any order."""

    def __len__(self) -> int: ...

    def append(self, frames: Tensor) -> None:
        """The next frames: (t, ...), on any device."""
        ...

    def read(self, start: int, stop: int) -> Tensor:
        """A copy of the frames [start, stop) in host memory, (t, ...)."""
        ...


class HostStore:
    """In host memory."""

    def __init__(self) -> None:
        self._chunks: list[Tensor] = []

    def __len__(self) -> int:
        return sum(len(chunk) for chunk in self._chunks)

    def append(self, frames: Tensor) -> None:
        """See `FrameStore`."""
        self._chunks.append(frames.detach().to("cpu", copy=True))

    def read(self, start: int, stop: int) -> Tensor:
        """See `FrameStore`."""
        parts = []
        for chunk in self._chunks:
            if start < len(chunk) and stop > 0:
                parts.append(chunk[max(start, 0) : stop])
            start, stop = start - len(chunk), stop - len(chunk)
        return torch.cat(parts)


class DiskStore:
    """In one file without a header. What a killed process left of a last frame is dropped on opening.

    Read and written by system calls: a mapped file would count as the process's own memory, page by page.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> None:
        """Opens `path`, or makes it. Raises UserError when it cannot be opened."""
        self._path, self._shape, self._dtype = path, shape, dtype
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
        """See `FrameStore`. Raises UserError when the disk is full."""
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
        """See `FrameStore`."""
        frames = torch.empty(min(stop, self._frames) - start, *self._shape, dtype=self._dtype)
        content, offset = frames.flatten().view(torch.uint8).numpy().data, start * self._frame_bytes
        while content:
            count = os.preadv(self._file.fileno(), [content], offset)
            assert count, f"{self._path}: shorter than what was written"
            content, offset = content[count:], offset + count
        return frames
