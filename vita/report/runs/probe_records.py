"""Records of memory probes (`vita probe`), as tables, figures and claims read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, PositiveInt

from vita.core.config_base import parse
from vita.core.probe_record import ProbeRecord, read_probe_records

PAPER_BUDGET = 12 * 2**30
PAPER_RESOLUTION = "360 x 640"  # the usual size of a prediction; the paper's own two are lost in our copy


@dataclass(frozen=True)
class Probe:
    """One record, and the file that holds it."""

    path: Path
    record: ProbeRecord

    @property
    def case(self) -> dict[str, Any]:
        """The question."""
        return self.record.case

    @property
    def resolution(self) -> str:
        """Of the network's input, height first."""
        return f"{self.case['height']} x {self.case['width']}"

    @property
    def cells(self) -> dict[str, str]:
        """What names it in tables, by column."""
        return {**self.record.key, "resolution": self.resolution}

    @property
    def predicted(self) -> tuple[int, int]:
        """Frames: with a share of the budget taken by other things, and with all of it for the video."""
        return self.record.predicted_frames_low, self.record.predicted_frames

    @property
    def measured(self) -> int | None:
        """Frames that fitted, in trials."""
        return self.record.measured_frames

    @property
    def is_comparable(self) -> bool:
        """Whether the question is the paper's: the released model and its attention, 12 GiB of a card."""
        case = self.case
        as_released = not case["options"] and case["attention"] == "materialised" and case["precision"] == "float32"
        budget = self.record.budget_bytes == PAPER_BUDGET and self.record.device != "cpu"
        return bool(as_released and budget)


class _Question(BaseModel):
    """What is read here of a case, whose other keys are the probe's own."""

    method: str
    options: dict[str, Any]
    variant: dict[str, Any]
    height: PositiveInt
    width: PositiveInt
    precision: str
    attention: str


def read_probes(paths: Sequence[Path]) -> list[Probe]:
    """All that the files hold. Raises UserError naming one that is missing, or a record that is incomplete."""
    found = [Probe(path, record) for path in paths for record in read_probe_records(path)]
    for probe in found:
        parse(_Question, probe.case, f"{probe.path}: case")
    return found


def find_probe(probes: Sequence[Probe], cells: Mapping[str, Any]) -> Probe | None:
    """The one that asks the paper's question of a row with these cells; a measured one before a predicted one."""
    wanted = {"resolution": PAPER_RESOLUTION} | {name: str(cell) for name, cell in cells.items()}
    found = [probe for probe in probes if probe.is_comparable and wanted.items() <= probe.cells.items()]
    return max(found, key=lambda probe: probe.measured is not None, default=None)
