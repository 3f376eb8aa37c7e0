"""One trainer at a time in a work folder, and none that outlives the process that started it."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from vita.core.contract import UserError
from vita.core.files import remove_unfinished


@contextmanager
def exclusive(folder: Path, patience_s: float = 15.0) -> Iterator[None]:
    """Hold the folder's lock; the system releases it when the process ends, however it ends.

    Waits a little, since a trainer whose parent died needs a moment to notice. Raises UserError if another lives on,
    or when the folder cannot be written. What a killed trainer left half-written is removed.
    """
    with _lock_file(folder) as handle:
        deadline = time.monotonic() + patience_s
        while not _try_lock(handle.fileno()):
            if time.monotonic() > deadline:
                raise UserError(f"{folder}: another trainer is at work here; wait for it or stop it")
            time.sleep(0.2)
        remove_unfinished(folder)
        yield


def is_held(folder: Path) -> bool:
    """Whether a trainer is at work in the folder."""
    if not (folder / "lock").exists():
        return False
    with (folder / "lock").open() as handle:
        return not _try_lock(handle.fileno(), fcntl.LOCK_SH)


def _lock_file(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "lock").open("a")
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.strerror}; choose another place for the run") from None


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def die_with_parent(interval_s: float = 0.5) -> None:
    """From now on, end this process as soon as the process that started it is gone."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
