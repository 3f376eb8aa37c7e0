"""What a checkpoint's file may cost to read, before it is read.

A pickle may name any place in its table of objects, and an archive any size of what it holds: a few bytes then ask for
gigabytes. Files that programs write name places one after the other, and hold their tensors as they are.
"""

from __future__ import annotations

import pickletools
import zipfile
from typing import IO, Any

MOST_PACKED = 20  # times its size that a file may unpack to; weights pack to half at best, constants to little
SMALL = 2**24  # bytes that any file may unpack to


class ExcessiveError(Exception):
    """A file asks for far more memory than what it holds needs."""


def check_pickle(file: IO[bytes]) -> None:
    """Raises ExcessiveError where a place is named that no table of its objects has. Rewinds the file.

    Damaged bytes raise ValueError or another error of `pickletools`.
    """
    start = file.tell()
    argument: Any
    for count, (code, argument, _place) in enumerate(pickletools.genops(file)):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and not 0 <= int(argument) <= count:
            raise ExcessiveError(f"place {argument} of a table of {count} objects")
    file.seek(start)


def check_archive(file: IO[bytes]) -> None:
    """Raises ExcessiveError where an archive of torch unpacks to far more than it is. Rewinds the file."""
    start = file.tell()
    size = file.seek(0, 2)
    file.seek(start)
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(SMALL, MOST_PACKED * size):
        raise ExcessiveError(f"{unpacked} bytes in a file of {size}")
    file.seek(start)
