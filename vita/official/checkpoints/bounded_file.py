"""What a checkpoint's file may cost to read, before it is read.

A pickle may name any place in its table of objects, and an archive any size of what it holds: a few bytes then ask for
gigabytes, and a name of a megabyte for hours. Files that programs write name places one after the other, and hold their
tensors as they are.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from mmap import ACCESS_READ, mmap
from typing import IO, Any

from vita.official.checkpoints.tuple_sizes import ExcessiveError, TupleSizes

MOST_PACKED = 20  # times its size that a file may unpack to; weights pack to half at best, constants to little
SMALL = 2**24  # bytes that any file may unpack to
PICKLE = ".pkl"  # of an archive's members
LONGEST_NAME = 1000  # characters of a class or function; torch searches its message about one in quadratic time


def check_pickles(file: IO[bytes], number: int = 1) -> None:
    """Raises ExcessiveError where so many pickles at the start of a file name what cannot be in it.

    That is a place that no table of objects has, a frame that reaches beyond the end, an endless name, or a tuple that
    unfolds without bound. The file stays where it is. Damaged bytes raise ValueError or another error of `pickletools`.
    """
    # A mapping has no more bytes than there are; a file makes room for as many as it is asked for before it reads.
    with mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        for _ in range(number):
            _check_next(content, content.size())


def _check_next(content: mmap | io.BytesIO, size: int) -> None:
    argument: Any
    sizes = TupleSizes()
    for count, (code, argument, _place) in enumerate(pickletools.genops(content)):  # type: ignore[arg-type]
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument) <= count:
            raise ExcessiveError(f"place {argument} of a table of {count} objects")
        if code.name == "FRAME" and argument > size - content.tell():
            raise ExcessiveError(f"a frame of {argument} bytes in a file of {size}")
        if code.name in ("GLOBAL", "INST") and len(argument) > LONGEST_NAME:
            raise ExcessiveError(f"a name of {len(argument)} characters")
        sizes.follow(code, argument)


def check_archive(file: IO[bytes]) -> None:
    """As `check_pickles`, of the pickles in an archive of torch, and where it unpacks to far more than it is.

    Rewinds the file.
    """
    start = file.tell()
    size = file.seek(0, 2)
    file.seek(start)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > max(SMALL, MOST_PACKED * size):
            raise ExcessiveError(f"{unpacked} bytes in a file of {size}")
        for member in archive.infolist():
            if member.filename.endswith(PICKLE):
                _check_next(io.BytesIO(archive.read(member)), member.file_size)
    file.seek(start)
