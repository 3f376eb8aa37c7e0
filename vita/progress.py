"""Progress of long work: a bar in a terminal, one line a minute elsewhere."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm


class _Lines:
    """Turns a redrawn bar into a line each time it is drawn."""

    def write(self, text: str) -> None:
        stripped = text.strip("\r\n")
        if stripped:
            sys.stderr.write(stripped + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress(total: int, description: str, start: int = 0) -> tqdm[Any]:
    """A bar over `total` steps of which `start` are done."""
    terminal = sys.stderr.isatty()
    return tqdm(
        total=total,
        initial=start,
        desc=description,
        file=sys.stderr if terminal else _Lines(),
        mininterval=0.2 if terminal else 60.0,
        miniters=1,
        dynamic_ncols=terminal,
        ncols=None if terminal else 140,
    )
