"""Ends that are asked for by a signal: of a scheduler at its time limit or shortly before, of a user, of `kill`."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from vita.core.contract import Interrupted

# What ends a job, and the warnings that `sbatch --signal` may send before its time limit.
END, WARNINGS = signal.SIGTERM, (signal.SIGUSR1, signal.SIGUSR2)
GRACE_S = 120.0  # that a trainer has for its step and its checkpoint, when the process that started it is gone


class EndRequest:
    """Whether a signal has asked this process to end, since `listening` began."""

    def __init__(self) -> None:
        self.signal = ""  # its name

    def __bool__(self) -> bool:
        return bool(self.signal)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, signals that ask for an end are noted and do nothing else."""
        with _handling((END, *WARNINGS), self._note):
            yield

    def _note(self, number: int, _: FrameType | None) -> None:
        self.signal = signal.Signals(number).name  # no more: a handler may run between any two instructions


@contextmanager
def raised() -> Iterator[None]:
    """Inside, signals that ask for an end raise Interrupted where they arrive, so that nothing is left half-written."""

    def end(number: int, _: FrameType | None) -> None:
        raise Interrupted(f"by {signal.Signals(number).name}")

    with _handling((END, *WARNINGS), end):
        yield


@contextmanager
def _handling(signals: tuple[signal.Signals, ...], handler: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():  # which alone may handle signals
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def leave_signals_to_trainer() -> None:
    """In a process that reads clips: a scheduler signals it too, but the trainer needs it till its step is done."""
    for number in (END, *WARNINGS):
        signal.signal(number, signal.SIG_IGN)


def die_with_parent(interval_s: float = 0.5, grace_s: float = GRACE_S) -> None:
    """From now on, ask this process to end as soon as the process that started it is gone; after a grace, kill it."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval_s)
        os.kill(os.getpid(), END)
        time.sleep(grace_s)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
