"""What long work tells of itself on stderr: words, and bars in a terminal, elsewhere a line a minute."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Timer
from typing import Any

from tqdm import tqdm

SHORT_S = 5.0  # part of longer work that ends before shows no progress of its own
FIRST_WORD_S = 1.0  # of a command that has told nothing by then
VERBOSITY = "VITA_VERBOSITY"  # in the environment, so that processes that are started here tell as much
QUIET, VERBOSE = "quiet", "verbose"
LINE = "{desc}: {n_fmt} of {total_fmt} [{elapsed}, {remaining} left, {rate_fmt}{postfix}]"  # where no bar can be drawn

_first_word: ContextVar[Timer | None] = ContextVar("first_word", default=None)  # which is still to come


class _Lines:
    """Turns a redrawn bar into a line each time it is drawn."""

    def write(self, text: str) -> None:
        stripped = text.strip("\r\n")
        if stripped:
            sys.stderr.write(stripped + "\n")

    def flush(self) -> None:
        sys.stderr.flush()


def is_quiet() -> bool:
    """Whether nothing but results and errors is told."""
    return os.environ.get(VERBOSITY) == QUIET


def is_verbose() -> bool:
    """Whether times of steps, words of libraries and the places of errors are told too."""
    return os.environ.get(VERBOSITY) == VERBOSE


def say(line: str) -> None:
    """One line about a step of long work; with the time of day where much is told."""
    _tells()
    if not is_quiet():
        sys.stderr.write(f"{time.strftime('%H:%M:%S ')}{line}\n" if is_verbose() else f"{line}\n")
        sys.stderr.flush()


@contextmanager
def first_word(line: str) -> Iterator[None]:
    """Say this line of what is done inside, if that takes more than a moment and has told nothing by then."""
    waiting = Timer(FIRST_WORD_S, say, [line])
    waiting.daemon = True
    before = _first_word.set(waiting)
    waiting.start()
    try:
        yield
    finally:
        waiting.cancel()
        _first_word.reset(before)


def _tells() -> None:
    if (waiting := _first_word.get()) is not None:
        waiting.cancel()


def progress(total: int, description: str, start: int = 0, delay_s: float = 0.0, shown: bool = True) -> tqdm[Any]:
    """A bar over `total` steps of which `start` are done; of work that ends before `delay_s` nothing is shown.

    shown: False in a process that leaves it to another to tell.
    """
    terminal = sys.stderr.isatty()
    if not delay_s:
        _tells()
    return tqdm(
        total=total,
        initial=start,
        desc=description,
        file=sys.stderr if terminal else _Lines(),
        mininterval=0.2 if terminal else 60.0,
        miniters=1,
        delay=delay_s,
        disable=not shown or is_quiet(),
        dynamic_ncols=terminal,
        ncols=None if terminal else 140,
        bar_format=None if terminal else LINE,
    )
