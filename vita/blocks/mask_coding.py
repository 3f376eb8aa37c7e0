"""Masks are coded beside the device: copies to the host that nobody waits for, and a thread that takes what arrives."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

WAITING = 2  # pieces of work that may wait for the thread: more memory would not make it faster


class HostCopy:
    """A tensor on its way to the host, behind all that the device has been asked before."""

    def __init__(self, tensor: Tensor) -> None:
        self._arrived: torch.cuda.Event | None = None
        self._host = tensor.detach().to("cpu", non_blocking=tensor.is_cuda)
        if tensor.is_cuda:
            self._arrived = torch.cuda.Event()
            self._arrived.record(torch.cuda.current_stream(tensor.device))

    def get(self) -> Tensor:
        """The tensor in host memory; waits for it."""
        if self._arrived is not None:
            self._arrived.synchronize()
        return self._host


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
