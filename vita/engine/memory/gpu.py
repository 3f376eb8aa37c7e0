"""What the driver says of a card (NVML), beside what PyTorch's allocator says.

NVML is asked now and then and misses peaks, and what it calls used includes contexts of processes: the allocator's own
peaks are the measurement, NVML is the check.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from vita.core.contract import UserError

Processes = dict[int, int | None]


@dataclass(frozen=True)
class CardState:
    """A card, or an instance of a partitioned one (MIG), at one moment. Sizes are in bytes.

    used_bytes: what processes hold.  processes: what each of them holds, None where the driver does not tell; None as
    a whole where it does not list them, for the reason in `unlisted`.  reserved_bytes: what the driver keeps for
    itself, also on an idle card; 0 where it counts that as used.
    """

    name: str
    total_bytes: int
    used_bytes: int
    processes: Processes | None
    reserved_bytes: int = 0
    unlisted: str = ""

    @property
    def free_bytes(self) -> int:
        """Memory that neither a process nor the driver holds."""
        return self.total_bytes - self.reserved_bytes - self.used_bytes


@contextmanager
def nvml_reader() -> Iterator[Callable[[], CardState]]:
    """Reads the state of the card that PyTorch calls the first one.

    Raises UserError where there is no driver, and where PyTorch or NVML know no such card.
    """
    pynvml = _binding()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise UserError(f"no NVIDIA driver: {error}; probe on a CPU with --device cpu") from None
    try:
        handle = _find(pynvml, first_uuid())
        yield lambda: _read(pynvml, handle)
    except pynvml.NVMLError as error:
        raise UserError(f"the driver cannot read the card that PyTorch uses: {error}") from None
    finally:
        pynvml.nvmlShutdown()


def _binding() -> Any:
    try:
        import pynvml  # noqa: PLC0415 - asks for a driver that most machines lack
    except ImportError:
        raise UserError("NVML's Python binding is not installed: pip install nvidia-ml-py") from None
    return pynvml


def first_uuid() -> str:
    """UUID of the card that PyTorch calls the first one, without a prefix; that of the instance on a partitioned card.

    PyTorch and the driver may number cards differently, and CUDA_VISIBLE_DEVICES may reorder, shorten and hide them.
    Raises UserError where PyTorch sees no card.
    """
    try:
        return str(torch.cuda.get_device_properties(0).uuid)
    except (RuntimeError, AssertionError) as error:  # the latter: a build without CUDA
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        hint = "" if visible is None else f" (CUDA_VISIBLE_DEVICES is '{visible}')"
        reason = str(error).splitlines()[0]
        raise UserError(f"PyTorch sees no card{hint}: {reason}; probe on a CPU with --device cpu") from None


def _find(pynvml: Any, uuid: str) -> Any:
    """NVML's handle: of the instance with this UUID, or of the card, or of the first instance of that card.

    Of a partitioned card CUDA shows one instance alone; which UUID it tells for it depends on the driver.
    """
    try:
        return pynvml.nvmlDeviceGetHandleByUUID(f"MIG-{uuid}")
    except pynvml.NVMLError:
        card = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip()
    if not _is_partitioned(pynvml, card):
        return card
    if visible.startswith("MIG-"):
        return pynvml.nvmlDeviceGetHandleByUUID(visible)
    return pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, 0)


def _is_partitioned(pynvml: Any, card: Any) -> bool:
    try:
        return bool(pynvml.nvmlDeviceGetMigMode(card)[0])
    except pynvml.NVMLError:  # most cards cannot be
        return False


def _read(pynvml: Any, handle: Any) -> CardState:
    name = pynvml.nvmlDeviceGetName(handle)
    memory, reserved = _memory(pynvml, handle)
    processes, unlisted = _processes(pynvml, handle)
    return CardState(
        name.decode() if isinstance(name, bytes) else name,
        int(memory.total),
        int(memory.used),
        processes,
        reserved,
        unlisted,
    )


def _memory(pynvml: Any, handle: Any) -> tuple[Any, int]:
    """Total and used memory, and what the driver reserves; old drivers count that as used and do not tell it."""
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle, version=pynvml.nvmlMemory_v2)
    except pynvml.NVMLError:
        return pynvml.nvmlDeviceGetMemoryInfo(handle), 0
    return memory, int(memory.reserved)


def _processes(pynvml: Any, handle: Any) -> tuple[Processes | None, str]:
    """What processes hold, or why that is not told: some cards cannot list them, and some machines forbid it."""
    try:
        listed = pynvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except pynvml.NVMLError as error:
        return None, str(error)
    return {int(process.pid): process.usedGpuMemory for process in listed}, ""


def allocator_settings() -> str:
    """What the user tells PyTorch's allocator, such as expandable segments, which lets more frames fit."""
    return os.environ.get("PYTORCH_ALLOC_CONF") or os.environ.get("PYTORCH_CUDA_ALLOC_CONF") or "default"


IDLE_BYTES = 2**30  # that an idle card may hold: a context or two, and what an old driver reserves


def check_idle(state: CardState, needed_bytes: int) -> None:
    """Raises UserError when a trial would measure somebody else's memory, or the card is smaller than the budget.

    needed_bytes: the budget, 0 for all of the card.
    """
    if state.free_bytes >= needed_bytes if needed_bytes else state.used_bytes <= IDLE_BYTES:
        return
    total = _size(state.total_bytes)
    if state.used_bytes <= IDLE_BYTES or needed_bytes > state.total_bytes - state.reserved_bytes:
        raise UserError(
            f"--budget {_size(needed_bytes)}: this card has {_size(state.free_bytes)} free ({state.name}, {total} in "
            f"all, {_size(state.used_bytes)} used, {_size(state.reserved_bytes)} reserved by its driver); give a "
            "smaller --budget, or --budget card for all that is free"
        )
    raise UserError(
        f"{state.name} is in use: {_size(state.used_bytes)} of {total} are taken "
        f"(processes: {_listed(state)}); free the card, or give a smaller --budget"
    )


def _listed(state: CardState) -> str:
    if state.processes is None:
        return f"not listed by its driver, {state.unlisted}"
    return ", ".join(f"{pid}: {_size(size)}" for pid, size in state.processes.items()) or "none that it names"


def _size(size: int | None) -> str:
    """Rounded down, so that what is told to be free is."""
    return "unknown" if size is None else f"{int(size / 2**30 * 10) / 10:.1f} GiB"
