"""Lists that are as long as a video, in files of JSON lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

Item = TypeVar("Item")

LINES_A_MARK = 256  # only the place of every so many lines is kept in memory


class DiskList(Sequence[Item], Generic[Item]):
    """A list that can only grow at its end, an item a line. A last line that a killed process cut off is dropped.

    The file may be removed while the list lives: it stays readable as long as it is open.
    """

    def __init__(self, path: Path, read: Callable[[Any], Item], write: Callable[[Item], Any]) -> None:
        """Opens `path`, or makes it. read, write: between an item and what JSON can hold."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._read, self._write = read, write
        self._file = path.open("a+b")
        self._marks, self._length = [0], 0
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            self._count(whole)
        self._end = whole
        self._file.truncate(whole)

    def _count(self, end: int) -> None:
        self._length += 1
        if self._length % LINES_A_MARK == 0:
            self._marks.append(end)

    def __len__(self) -> int:
        return self._length

    def extend(self, items: Iterable[Item]) -> None:
        """The next items."""
        for item in items:
            line = json.dumps(self._write(item), separators=(",", ":")).encode() + b"\n"
            self._file.write(line)
            self._end += len(line)
            self._count(self._end)

    def flush(self) -> None:
        """To the operating system, so that what is there outlives this process."""
        self._file.flush()

    def truncate(self, length: int) -> None:
        """Forget all items from number `length` on."""
        if length >= self._length:
            return
        self._seek(length)
        self._end = self._file.tell()
        self._file.truncate(self._end)
        self._length, self._marks = length, self._marks[: length // LINES_A_MARK + 1]

    def _seek(self, number: int) -> None:
        self._file.flush()
        self._file.seek(self._marks[number // LINES_A_MARK])
        for _ in range(number % LINES_A_MARK):
            self._file.readline()

    def read(self, start: int, stop: int) -> Iterator[Item]:
        """Items [start, stop). Nothing else is done with the list until the last of them was taken."""
        if start < min(stop, self._length):
            self._seek(start)
            lines = iter(self._file.readline, b"")
            yield from (self._read(json.loads(line)) for line in islice(lines, min(stop, self._length) - start))

    def __iter__(self) -> Iterator[Item]:
        for start in range(0, self._length, LINES_A_MARK):  # so that two readers can take turns
            yield from list(self.read(start, start + LINES_A_MARK))

    @overload
    def __getitem__(self, number: int) -> Item: ...

    @overload
    def __getitem__(self, number: slice) -> list[Item]: ...

    def __getitem__(self, number: int | slice) -> Item | list[Item]:
        if isinstance(number, slice):
            start, stop, step = number.indices(self._length)
            assert step == 1, "a list on disk is read forwards, item by item"
            return list(self.read(start, stop))
        place = range(self._length)[number]
        return next(self.read(place, place + 1))
