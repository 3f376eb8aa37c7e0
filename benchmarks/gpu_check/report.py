"""The lines of a check, one a figure, and the JSON file that keeps them."""

from __future__ import annotations

import platform
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from vita.core.files import read_json, write_json

# miss: the figure is not what is wanted, or there is none.  noted: nothing is wanted of it.
# not on a card: what is wanted would say nothing on a CPU, such as that two of its runs agree.
Outcome = Literal["pass", "miss", "noted", "not on a card", "not on two cards"]
PART_S = 450.0  # after which a part is cut off, so that it ends within eight minutes

Item = tuple[str, Callable[["Report"], None]]  # a name, and what writes one or more lines


@dataclass(frozen=True)
class Bench:
    """Where it runs. On a CPU everything is small."""

    device: torch.device
    recordings: Path

    @property
    def is_card(self) -> bool:
        """Whether figures say something about a card."""
        return self.device.type == "cuda"

    @property
    def threads(self) -> int:
        """Of the CPU, for what a card is held against."""
        return 8 if self.is_card else 1

    def wait(self) -> None:
        """Until the device has done what it was asked for."""
        if self.is_card:
            torch.cuda.synchronize()


@dataclass(frozen=True)
class Line:
    """One figure."""

    part: str
    name: str
    figure: str
    wanted: str
    outcome: Outcome

    def __str__(self) -> str:
        wanted = f", wanted {self.wanted}" if self.wanted else ""
        return f"{self.outcome:16} {self.part:12} {self.name}: {self.figure}{wanted}"


@dataclass
class Report:
    """The lines of one part. cells: the figures that the table of devices shows."""

    bench: Bench
    part: str
    lines: list[Line] = field(default_factory=list)
    cells: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    def run(self, items: Iterator[Item]) -> None:
        """Every item in turn; one that fails is a line with its error, and the others follow while there is time."""
        began = time.monotonic()
        for name, item in items:
            try:
                with _at_most(PART_S - (time.monotonic() - began)):
                    item(self)
            except Exception as error:
                first = str(error).splitlines()[0] if str(error) else ""
                self.add(name, f"{type(error).__name__}: {first}", "a figure", "miss")
        self.seconds = round(time.monotonic() - began, 1)

    def add(self, name: str, figure: str, wanted: str, outcome: Outcome) -> None:
        """Keep and print a line."""
        self.lines.append(Line(self.part, name, figure, wanted, outcome))
        print(self.lines[-1], flush=True)

    def held(self, name: str, figure: str, wanted: str, holds: bool) -> None:
        """What can be told on any device."""
        self.add(name, figure, wanted, "pass" if holds else "miss")

    def held_on_card(self, name: str, figure: str, wanted: str, holds: bool) -> None:
        """What holds on a CPU without saying anything."""
        self.add(name, figure, wanted, "miss" if not holds else "pass" if self.bench.is_card else "not on a card")

    def told_on_card(self, name: str, figure: str, wanted: str, holds: bool) -> None:
        """What a CPU need not hold, such as the ratio of two speeds."""
        self.add(name, figure, wanted, ("pass" if holds else "miss") if self.bench.is_card else "not on a card")

    def note(self, name: str, figure: str) -> None:
        """What nothing is wanted of."""
        self.add(name, figure, "", "noted")

    @property
    def missed(self) -> bool:
        """Whether any line did, or there is none."""
        return not self.lines or any(line.outcome == "miss" for line in self.lines)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raises TimeoutError inside when they are over, and at once when there are none."""

    def over(*_: object) -> None:
        raise TimeoutError(f"{PART_S:g} s are over, which a part may take")

    if seconds <= 0:
        over()
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def machine(device: torch.device) -> dict[str, str]:
    """What the figures are of."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    return {
        "device": name,
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "",
        "python": platform.python_version(),
    }


def keep(path: Path, report: Report) -> dict[str, Any]:
    """Put a part into the file beside the others of the same machine, and return the content."""
    told = machine(report.bench.device)
    content: dict[str, Any] = {"machine": told, "parts": {}}
    if path.exists() and (known := read_json(path)).get("machine") == told:
        content = known
    lines = [asdict(line) for line in report.lines]
    content["parts"][report.part] = {"seconds": report.seconds, "lines": lines, "cells": report.cells}
    write_json(path, content, indent=1)
    return content
