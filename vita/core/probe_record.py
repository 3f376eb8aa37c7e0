"""Records of memory probes: a file of them for each case, all questions about it in turn. Units are in the names."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from vita.core.contract import UserError
from vita.core.files import read_json, write_json
from vita.core.records import SparseRecord, parse_record


class ProbeRecord(SparseRecord):
    """What one memory probe asked and found. Without a measurement, `status` is "predicted", and no device is named."""

    key: dict[str, str]  # cells that name it in tables
    case: dict[str, Any]
    budget_bytes: int
    weights_bytes: int
    predicted_frames: int
    predicted_frames_low: int
    predicted_peak: dict[str, Any]
    curve: list[tuple[int, int]]  # frames, bytes
    status: Literal["predicted", "finished", "failed"]
    source_digest: str
    versions: dict[str, str]
    machine: str
    error: str = ""
    device: str | None = None
    budget: str | None = None
    card_before: dict[str, Any] | None = None
    card_after: dict[str, Any] | None = None
    allocator_settings: str | None = None
    search: dict[str, Any] = Field({})
    trials: list[dict[str, Any]] = Field([])
    measured_frames: int | None = None
    at_least_frames: int | None = None
    band: tuple[int, int] | None = None
    predicted_peak_at_measured: dict[str, Any] = Field({})


def write_probe_records(path: Path, records: list[ProbeRecord]) -> None:
    """Write the records of one file, atomically."""
    write_json(path, [record.to_json() for record in records], indent=1)


def read_probe_records(path: Path) -> list[ProbeRecord]:
    """Read all records of one file. Raises UserError as `read_record` does."""
    content = read_json(path)
    if not isinstance(content, list):
        raise UserError(f"{path}: not a list of records; name a file that `vita probe` wrote")
    return [parse_record(ProbeRecord, one, f"{path}: record {number}") for number, one in enumerate(content)]
