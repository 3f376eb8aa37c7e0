"""Records of memory probes (`vita probe`), as tables, figures and claims read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vita.core.files import read_records

PAPER_BUDGET = 12 * 2**30
PAPER_RESOLUTION = "360 x 640"  # the usual size of a prediction; the paper's own two are lost in our copy
NEEDED = ("key", "case", "budget_bytes", "predicted_frames", "predicted_frames_low", "curve", "status")


@dataclass(frozen=True)
class ProbeRecord:
    """One record; path: of the file that holds it; content: as written."""

    path: Path
    content: dict[str, Any]

    @property
    def case(self) -> dict[str, Any]:
        """The question."""
        return dict(self.content["case"])

    @property
    def resolution(self) -> str:
        """Of the network's input, height first."""
        return f"{self.case['height']} x {self.case['width']}"

    @property
    def cells(self) -> dict[str, str]:
        """What names it in tables, by column."""
        return {**{name: str(cell) for name, cell in self.content["key"].items()}, "resolution": self.resolution}

    @property
    def predicted(self) -> tuple[int, int]:
        """Frames: with a share of the budget taken by other things, and with all of it for the video."""
        return int(self.content["predicted_frames_low"]), int(self.content["predicted_frames"])

    @property
    def measured(self) -> int | None:
        """Frames that fitted, in trials."""
        found = self.content.get("measured_frames")
        return None if found is None else int(found)

    @property
    def is_comparable(self) -> bool:
        """Whether the question is the paper's: the released model and its attention, 12 GiB of a card."""
        case = self.case
        as_released = not case["options"] and case["attention"] == "materialised" and case["precision"] == "float32"
        budget = self.content["budget_bytes"] == PAPER_BUDGET and self.content.get("device") != "cpu"
        return bool(as_released and budget)


def read_probes(paths: Sequence[Path]) -> list[ProbeRecord]:
    """All that the files hold. Raises UserError naming one that is missing, or a record that is incomplete."""
    return [ProbeRecord(path, content) for path in paths for content in read_records(path, NEEDED)]


def find_probe(records: Sequence[ProbeRecord], cells: Mapping[str, Any]) -> ProbeRecord | None:
    """The one that asks the paper's question of a row with these cells; a measured one before a predicted one."""
    wanted = {"resolution": PAPER_RESOLUTION} | {name: str(cell) for name, cell in cells.items()}
    found = [record for record in records if record.is_comparable and wanted.items() <= record.cells.items()]
    return max(found, key=lambda record: record.measured is not None, default=None)
