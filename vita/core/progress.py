"""Progress of long work: a bar in a terminal, one line a minute elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

SHORT_S = 5.0  # part of longer work that ends before shows no progress of its own


class _Lines:
    """Turns a redrawn bar into a line each time it is drawn."""

    def write(self, text: str) -> None:
        stripped = text.strip("\r\n")
        if stripped:
            sys.stderr.write(stripped + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def say(line: str) -> None:
    """One line about a step of long work, as it ends."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def progress(total: int, description: str, start: int = 0, delay_s: float = 0.0, shown: bool = True) -> tqdm[Any]:
    """A bar over `total` steps of which `start` are done; of work that ends before `delay_s` nothing is shown.

    shown: False in a process that leaves it to another to tell.
    """
    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=start,
        desc=description,
        file=sys.stderr if terminal else _Lines(),
        mininterval=0.2 if terminal else 60.0,
        miniters=1,
        delay=delay_s,
        disable=not shown,
        dynamic_ncols=terminal,
        ncols=None if terminal else 140,
    )
