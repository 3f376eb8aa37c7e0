"""One trainer at a time in a work folder; who comes later waits, and is told for whom."""

from __future__ import annotations

import json
import math
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from vita.core.contract import UserError
from vita.core.files import remove_unfinished
from vita.core.locks import try_lock
from vita.core.progress import say
from vita.core.scheduler import job_number

PATIENCE_UNTOLD_S = 2.0  # a trainer whose parent died needs a moment to notice
BETWEEN_LINES_S = 60.0


class Holder:
    """Who holds a work folder; the lock's file says so, and how far the work is."""

    def __init__(self, handle: TextIO) -> None:
        self._descriptor = handle.fileno()
        self._who = {"node": platform.node(), "process": os.getpid(), "job": job_number(), "since": _now()}
        self.tell("starting")

    def tell(self, progress: str) -> None:
        """Say how far the work is, to those who wait."""
        text = json.dumps({**self._who, "progress": progress, "at": _now()}) + "\n"
        with suppress(OSError):  # a full disk is told of where results are written
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, text.encode())


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


@contextmanager
def exclusive(folder: Path, patience_s: float = math.inf) -> Iterator[Holder]:
    """Hold the folder's lock; the system releases it when the process ends, however it ends.

    Waits until it is free, and says for whom. Raises UserError when it is not after `patience_s` seconds, when the
    folder cannot be written, and on a file system without locks. What a killed trainer left half-written is removed.
    """
    with _lock_file(folder) as handle:
        _wait(handle, folder, patience_s)
        remove_unfinished(folder)
        yield Holder(handle)


def _wait(handle: TextIO, folder: Path, patience_s: float) -> None:
    began, next_line = time.monotonic(), PATIENCE_UNTOLD_S
    while not try_lock(handle):
        waited = time.monotonic() - began
        if waited > patience_s:
            raise UserError(f"{folder}: another trainer is at work here; wait for it or stop it")
        if waited >= next_line:
            say(f"waiting for {_describe_holder(folder)}; it holds {folder}")
            next_line = waited + BETWEEN_LINES_S
        time.sleep(0.2 if waited < 15 else 2.0)


def _describe_holder(folder: Path) -> str:
    for _ in range(5):
        try:
            told = json.loads((folder / "lock").read_text(encoding="utf-8"))
            job = f", job {told['job']}" if told["job"] else ""
            who = f"process {told['process']} on {told['node']}{job}, at work since {told['since']}"
            return f"{who}; {told['progress']} at {told['at']}"
        except (OSError, ValueError, LookupError, TypeError):
            time.sleep(0.05)  # the holder may be writing at this moment
    return "another trainer"  # of another version


def is_held(folder: Path) -> bool:
    """Whether a trainer is at work in the folder. Raises UserError on a file system without locks."""
    if not (folder / "lock").exists():
        return False
    with (folder / "lock").open(encoding="utf-8") as handle:
        return not try_lock(handle, shared=True)


def _lock_file(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "lock").open("a", encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}; choose another place for the run") from None
