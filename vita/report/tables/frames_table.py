"""Table 4 from the records of memory probes: frames that fit, predicted and measured, beside the paper's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.contract import UserError
from vita.core.csv_table import csv_text, read_csv
from vita.experiments.paper_numbers import PUBLISHED
from vita.report.runs.probe_records import Probe, read_probes
from vita.report.tables.forms import ReadableTable, texts
from vita.report.tables.latex import escaped, latex_row, tabular

ROW = ("method", "window", "prune_ratio", "resolution")  # cells of a record that name its row
FOR_PROGRAMS = ("comparable", "status", "evidence")  # columns of the CSV file alone
HEADERS = {"predicted_frames_low": "with 2 GiB taken", "error_percent": "error %"}  # the others are columns' names
# Of a table in print, whose page is narrow.
PRINTED = {
    "method": "method",
    "window": "$W$",
    "prune_ratio": "ratio",
    "resolution": "resolution",
    "attention": "attention",
    "budget": "memory",
    "predicted_frames": "predicted",
    "measured_frames": "measured",
    "published_frames": "paper",
}
WHOLE_NUMBERS = ("predicted_frames", "predicted_frames_low", "measured_frames")
NOT_AVAILABLE = "not available"
ABBREVIATIONS = {NOT_AVAILABLE: "n/a", " of address space on a CPU": ", CPU", " allocator cap on ": ", "}  # in print
TITLE = "Table 4: Maximum number of frames"
NOTES = (
    "Predicted: from shapes alone, without a device. Weights and the video take the budget; with 2 GiB taken, what "
    "else a card holds (its context, workspaces of libraries, pieces between blocks) is given that much. On a CPU the "
    "budget is for the video alone.",
    "Measured: trials in processes of their own, no fallback allowed. Error: predicted less measured, in percent of "
    "measured.",
    "Published numbers are of a 12 GB Titan XP. They stand in brackets beside rows that ask another question: another "
    "model size, budget or path of attention.",
)


def build_frames_table(probes: Sequence[Path], out: Path) -> str:
    """Write `out` (CSV) with .md, .tex and .html beside it; give the text to print.

    Raises UserError naming a record that is missing or incomplete.
    """
    if not probes:
        raise UserError("--probe: name at least one record of `vita probe`")
    frame = frames_frame(read_probes(probes)).round(2)
    return readable_frames(frame).write(out, _latex(_lines(frame)), csv_text(frame))


def readable_frames(frame: pd.DataFrame) -> ReadableTable:
    """The table as people read it, without columns that are empty."""
    lines = _lines(frame)
    filled = [name for name in lines[0] if name not in FOR_PROGRAMS and any(line[name] for line in lines)]
    rows = [[line[name] for name in filled] for line in lines]
    headers = [HEADERS.get(name, name.replace("_", " ")) for name in filled]
    predicted = [name for name, column in zip(headers, filled, strict=True) if column.startswith("predicted")]
    return ReadableTable(TITLE, headers, rows, NOTES, predicted=predicted)


def read_frames_table(path: Path) -> pd.DataFrame:
    """What `build_frames_table` wrote to `path`. Raises UserError where that is no such table."""
    numbers: dict[str, type] = dict.fromkeys((*WHOLE_NUMBERS, "error_percent"), float)
    names = read_csv(path, "table of frames", "vita table frames", (*ROW, *FOR_PROGRAMS, *numbers))
    text: dict[str, type] = {str(name): str for name in names if name not in (*numbers, "comparable")}
    frame = read_csv(path, "table of frames", "vita table frames", types=text | numbers)
    if frame.empty:
        raise UserError(f"{path}: a table without rows; `vita table frames` writes it")
    return frame.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64") | {"comparable": "boolean"})


def frames_frame(probes: Sequence[Probe]) -> pd.DataFrame:
    """One line a record, its columns and their types as docs/tables.md says."""
    frame = pd.DataFrame([_line(probe) for probe in probes])
    return frame.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64") | {"comparable": "boolean"})


def _line(probe: Probe) -> dict[str, Any]:
    record, (low, predicted) = probe.record, probe.predicted
    band = record.band or (0, 0)
    return {
        **{name: probe.cells.get(name) for name in ROW},
        "attention": probe.case["attention"],
        "budget": record.budget or f"{record.budget_bytes / 2**30:g} GiB",
        "device": record.device or "none",
        "predicted_frames": predicted,
        "predicted_frames_low": low,
        "measured_frames": probe.measured,
        "band": "" if band[0] == band[1] else f"{band[0]} to {band[1]}",
        "error_percent": 100 * (predicted - probe.measured) / probe.measured if probe.measured else None,
        "published_frames": published_frames(probe.cells),
        "comparable": probe.is_comparable,
        "status": record.status,
        "error": record.error,
        "evidence": probe.path.as_posix(),
    }


def published_frames(cells: dict[str, str]) -> str:
    """What the paper states of a row with these cells."""
    stated = pd.read_csv(PUBLISHED / "table4_max_frames.csv", dtype=str, keep_default_na=False)
    for name in ("method", "window", "prune_ratio"):
        stated = stated[stated[name] == cells.get(name, "")]
    return str(stated["max_frames"].iloc[0] or NOT_AVAILABLE) if len(stated) else NOT_AVAILABLE


def _lines(frame: pd.DataFrame) -> list[dict[str, str]]:
    """Cells as people read them, by column."""
    lines = texts(frame)
    for line, error in zip(lines, frame["error_percent"], strict=True):
        line["error_percent"] = "" if pd.isna(error) else f"{error:+.1f}"
        if line["status"] == "failed":
            line["measured_frames"] = "failed"
        if line["published_frames"] != NOT_AVAILABLE and line["comparable"] == "no":
            line["published_frames"] = f"({line['published_frames']})"
    return lines


def _latex(lines: Sequence[Mapping[str, str]]) -> str:
    names = [name for name in PRINTED if any(line[name] for line in lines)]
    cells = [[escaped(_short(line[name])) for name in names] for line in lines]
    rows = [latex_row(line) for line in [[PRINTED[name] for name in names], *cells]]
    look = "\\scriptsize\\setlength{\\tabcolsep}{2pt}\\centering"
    return tabular((TITLE, *NOTES), look, "l" * len(names) + "@{}", rows, "\\par}\n")


def _short(cell: str) -> str:
    for long, short in ABBREVIATIONS.items():
        cell = cell.replace(long, short)
    return cell
