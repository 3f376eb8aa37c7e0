"""Frames stay below the folders of their data set: names, linked folders and linked files that lead out are refused."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO


class LeavesRootError(ValueError):
    """A frame file is a symbolic link to a place outside the data set."""


def name_leaves(name: str) -> bool:
    """Whether a file name climbs out by `..`, is absolute, or would be on a system that separates by backslashes."""
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or (not parts[0] and len(parts) > 1) or parts[0][1:] == ":"


def fault_of_name(name: str) -> str | None:
    """Why a name that does not leave can still not name a frame below a folder; None when it can."""
    if "\\" in name:
        return "is separated by backslashes; write `/`"
    if "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
        return "holds a character that no file name may hold"
    if not name.strip("./"):
        return "names no file"
    return None


def resolved(*folders: Path) -> tuple[Path, ...]:
    """The folders' own places, each once: a data set's folder may itself be a link."""
    return tuple(dict.fromkeys(Path(os.path.realpath(folder)) for folder in folders))


def is_below(path: Path | str, roots: Sequence[Path]) -> bool:
    """Whether a path, followed through all links, lies in or below one of the resolved `roots`."""
    target = Path(os.path.realpath(path))
    return any(target.is_relative_to(root) for root in roots)


def open_frame(path: Path, roots: Sequence[Path]) -> BinaryIO:
    """Open a file for reading; without `roots`, wherever it leads. Linked folders above it are the caller's to check.

    Raises LeavesRootError on a link that leads out of all roots, OSError as `open` does. A plain file costs one call
    of the system; a pipe reads as empty instead of waiting for a writer.
    """
    return open(path, "rb", opener=lambda name, flags: _open(name, flags, roots))


def _open(name: str, flags: int, roots: Sequence[Path]) -> int:
    flags |= getattr(os, "O_NONBLOCK", 0)
    if not roots:
        return os.open(name, flags)
    try:
        return os.open(name, flags | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    if not is_below(name, roots):
        raise LeavesRootError(f"a symbolic link to {os.path.realpath(name)}, outside the data set")
    return os.open(name, flags)
