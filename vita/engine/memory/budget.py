"""How much memory a trial may take, and on what.

A card as a whole is what its driver gives. A cap is a limit of PyTorch's allocator on a card: it does not make a larger
card behave as a smaller one, whose libraries choose smaller workspaces, so that it is called what it is. On a CPU the
limit is one of address space, set after imports and a warm-up, so that only what the video needs is counted.
"""

from __future__ import annotations

import re
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from vita.core.contract import UserError
from vita.engine.memory.size import read_size

Kind = Literal["cpu", "cap", "card"]


@dataclass(frozen=True)
class Budget:
    """bytes: 0 for a whole card."""

    kind: Kind
    bytes: int

    @property
    def device(self) -> torch.device:
        """The device on which trials run."""
        return torch.device("cpu" if self.kind == "cpu" else "cuda")

    def words(self, card: str | None = None) -> str:
        """Name the budget as tables do; card: the name of the card."""
        size = f"{self.bytes / 2**30:g} GiB" if self.bytes >= 2**30 else f"{self.bytes / 2**20:g} MiB"
        if self.kind == "cpu":
            return f"{size} of address space on a CPU"
        return f"{size} allocator cap on {card}" if self.kind == "cap" else f"all of {card}"

    def apply(self) -> None:
        """Limit this process from now on."""
        if self.kind == "cpu":
            limit = address_space() + self.bytes
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        elif self.kind == "cap":
            total = torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, self.bytes / total))


def read_budget(text: str, device: str) -> Budget:
    """A size, as 1GiB or 512MiB, or "card" for all of a card. Raises UserError on anything else."""
    size = read_size(text, "--budget")
    if size is not None:
        return Budget("cpu" if device == "cpu" else "cap", size)
    if device == "cpu":
        raise UserError("--budget card: on a CPU say how much, as in 1GiB")
    return Budget("card", 0)


def address_space() -> int:
    """Bytes of address space that this process has now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    return pages * resource.getpagesize()


def peak_address_space() -> int:
    """The most that it ever had, in bytes (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmPeak:\s+(\d+) kB", status)[1]) * 1024  # type: ignore[index]
