"""Masks are coded beside the network, in a thread of their own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

WAITING = 2  # pieces of work that may wait for the thread: more memory would not make it faster


class CodingThread:
    """Works through what it is given, in that order, while the caller goes on.

    The caller waits where more than `WAITING` pieces would, so that memory stays bounded. An error of a piece is raised
    in the caller, at the latest by `wait`.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "masks")
        self._pending: deque[Future[None]] = deque()

    def submit(self, work: Callable[[], None]) -> None:
        """The next piece of work."""
        while len(self._pending) > WAITING or (self._pending and self._pending[0].done()):
            self._pending.popleft().result()
        self._pending.append(self._thread.submit(work))

    def wait(self) -> None:
        """Until all is done."""
        while self._pending:
            self._pending.popleft().result()
