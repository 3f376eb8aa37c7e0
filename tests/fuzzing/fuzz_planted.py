"""Readers with a fault each, which a campaign must find, at a few inputs among many."""

from __future__ import annotations

import os
from pathlib import Path

from fuzz_target import Seed, Target, differ

from vita.core.contract import UserError

SOUND, FAULTY = b"\xaa", b"\x8a"


def _seeds(folder: Path) -> list[Seed]:
    return [Seed("a.bin", SOUND)]


def _faulty(path: Path) -> bool:
    """Raises UserError on other files, so that some come before and after the fault."""
    content = path.read_bytes()
    if content not in (SOUND, FAULTY):
        raise UserError("another file")
    return content != SOUND


def crashes(path: Path) -> None:
    """Ends its process."""
    if _faulty(path):
        os.abort()


def hangs(path: Path) -> None:
    """Never ends."""
    while _faulty(path):
        pass


def hoards(path: Path) -> None:
    """Takes 1.25 GiB, and writes into every page."""
    if _faulty(path):
        bytearray(b"x") * (5 * 2**28)


def differs(path: Path) -> None:
    """Two readings are not the same."""
    if _faulty(path):
        differ("so")


def hides(path: Path) -> None:
    """Runs out of memory, and calls that a damaged file."""
    if _faulty(path):
        try:
            raise MemoryError
        except MemoryError:
            raise UserError("damaged") from None


def raises(path: Path) -> None:
    """An error that is no refusal."""
    if _faulty(path):
        raise KeyError("a")


ALL = (crashes, hangs, hoards, differs, hides, raises)
TARGETS = {use.__name__: Target("planted", _seeds, use, (b"a", b"b")) for use in ALL}  # of the same inputs
