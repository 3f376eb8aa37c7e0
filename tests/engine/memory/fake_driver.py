"""A driver with two cards, as NVML's Python binding shows it, and what PyTorch says of the first one."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

GIB = 2**30
FIRST, SECOND = "8932f937-d72c-4106-c12f-20bd9faed9f6", "0a1b2c3d-0000-1111-2222-333344445555"
INSTANCE = "deadbeef-1111-2222-3333-444455556666"


class NVMLError(Exception):
    """Of the binding."""


@dataclass
class Card:
    """Or an instance of one. used_bytes: without what the driver reserves.  processes: an error where none is listed.

    instances: of a card that is partitioned; None of one that cannot be.
    """

    name: str
    total_bytes: int = 24 * GIB
    used_bytes: int = 2 * GIB
    reserved_bytes: int = 0
    processes: dict[int, int | None] | str = field(default_factory=lambda: {7: GIB})
    instances: list[Card] | None = None


def two_cards() -> dict[str, Card]:
    return {f"GPU-{FIRST}": Card("NVIDIA H200"), f"GPU-{SECOND}": Card("NVIDIA TITAN Xp")}


class Nvml:
    """The calls that a reader makes. Handles are the cards themselves."""

    NVMLError = NVMLError
    nvmlMemory_v2 = 2  # noqa: N815

    def __init__(self) -> None:
        self.cards, self.down, self.is_old = two_cards(), False, False

    def nvmlInit(self) -> None: ...  # noqa: N802

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.down = True

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> Card:  # noqa: N802
        if uuid not in self.cards:
            raise NVMLError("Not Found")
        return self.cards[uuid]

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:  # noqa: N802
        if card.instances is None:
            raise NVMLError("Not Supported")
        return [int(bool(card.instances))] * 2

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> Card:  # noqa: N802
        assert card.instances is not None
        return card.instances[index]

    def nvmlDeviceGetName(self, card: Card) -> bytes:  # noqa: N802
        return card.name.encode()

    def nvmlDeviceGetMemoryInfo(self, card: Card, version: int | None = None) -> Any:  # noqa: N802
        """As the driver: its first version counts what is reserved as used."""
        if version is None:
            return SimpleNamespace(total=card.total_bytes, used=card.used_bytes + card.reserved_bytes)
        if self.is_old:
            raise NVMLError("Function Not Found")
        return SimpleNamespace(total=card.total_bytes, used=card.used_bytes, reserved=card.reserved_bytes)

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[Any]:  # noqa: N802
        if isinstance(card.processes, str):
            raise NVMLError(card.processes)
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in card.processes.items()]


class FirstCard:
    """Stands for `torch.cuda.get_device_properties`, which tells of the first visible card."""

    def __init__(self, uuid: str = FIRST) -> None:
        self.uuid = uuid

    def __call__(self, index: int) -> Any:
        assert index == 0
        return SimpleNamespace(uuid=self.uuid, total_memory=24 * GIB)
