"""What the driver says of a card (NVML), beside what PyTorch's allocator says.

NVML is asked now and then and misses peaks, and what it calls used includes what the driver keeps back: the allocator's
own peaks are the measurement, NVML is the check.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from vita.core.contract import UserError


@dataclass(frozen=True)
class CardState:
    """A card at one moment. Sizes in bytes; processes: what each of them holds, None where the driver does not tell."""

    name: str
    total_bytes: int
    used_bytes: int
    processes: dict[int, int | None]

    @property
    def free_bytes(self) -> int:
        """Memory that neither a process nor the driver holds."""
        return self.total_bytes - self.used_bytes


@contextmanager
def nvml_reader() -> Iterator[Callable[[], CardState]]:
    """Reads the state of the first visible card. Raises UserError where there is no driver or no such card."""
    import pynvml  # noqa: PLC0415 - asks for a driver that most machines lack

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise UserError(f"no NVIDIA driver: {error}; probe on a CPU with --device cpu") from None
    # The card that PyTorch calls the first one: the driver's number, or a UUID.
    card = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()
    try:
        by_number = card.isdigit()
        handle = pynvml.nvmlDeviceGetHandleByIndex(int(card)) if by_number else pynvml.nvmlDeviceGetHandleByUUID(card)
        yield lambda: _read(pynvml, handle)
    except pynvml.NVMLError as error:
        raise UserError(f"card {card or 'none'}: {error}; CUDA_VISIBLE_DEVICES names those that may be used") from None
    finally:
        pynvml.nvmlShutdown()


def _read(pynvml: Any, handle: Any) -> CardState:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    processes = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    name = pynvml.nvmlDeviceGetName(handle)
    return CardState(
        name.decode() if isinstance(name, bytes) else name,
        int(memory.total),
        int(memory.used),
        {int(process.pid): process.usedGpuMemory for process in processes},
    )


def allocator_settings() -> str:
    """What the user tells PyTorch's allocator, such as expandable segments, which lets more frames fit."""
    return os.environ.get("PYTORCH_ALLOC_CONF") or os.environ.get("PYTORCH_CUDA_ALLOC_CONF") or "default"


IDLE_BYTES = 2**30  # that an idle card may hold: what the driver keeps back, and a context or two


def check_idle(state: CardState, needed_bytes: int) -> None:
    """Raises UserError when a card holds so much already that a trial would measure somebody else's memory.

    needed_bytes: the budget, 0 for all of the card.
    """
    if state.free_bytes >= needed_bytes if needed_bytes else state.used_bytes <= IDLE_BYTES:
        return
    held = ", ".join(f"{pid}: {_size(size)}" for pid, size in state.processes.items()) or "none that it names"
    raise UserError(
        f"{state.name} is in use: {_size(state.used_bytes)} of {_size(state.total_bytes)} are taken "
        f"(processes: {held}); free the card, or give a smaller --budget"
    )


def _size(size: int | None) -> str:
    return "unknown" if size is None else f"{size / 2**30:.1f} GiB"
