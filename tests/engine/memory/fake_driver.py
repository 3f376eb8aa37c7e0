"""A driver with two cards, as NVML's Python binding shows it."""

from __future__ import annotations

from typing import Any

GIB = 2**30


class Nvml:
    """The calls that a reader makes."""

    class NVMLError(Exception):
        pass

    def __init__(self) -> None:
        self.down = False

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.down = True

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index > 1:
            raise self.NVMLError("Invalid Argument")
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:  # noqa: N802
        if uuid != "GPU-4711":
            raise self.NVMLError("Not Found")
        return 1

    def nvmlDeviceGetName(self, handle: int) -> bytes:  # noqa: N802
        return (b"NVIDIA H200", b"NVIDIA TITAN Xp")[handle]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:  # noqa: N802
        return type("Memory", (), {"total": 24 * GIB, "used": 2 * GIB})

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[Any]:  # noqa: N802
        return [type("Process", (), {"pid": 7, "usedGpuMemory": GIB})]
