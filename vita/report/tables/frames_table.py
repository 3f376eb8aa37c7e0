"""Table 4 from the records of memory probes: frames that fit, predicted and measured, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from vita.core.contract import UserError
from vita.core.files import write_text
from vita.report.pages.html import note, page, table
from vita.report.runs.probe_records import Probe, read_probes
from vita.report.tables.inputs import PUBLISHED
from vita.report.tables.latex import escaped

COLUMNS = (
    "method",
    "window",
    "prune_ratio",
    "resolution",
    "attention",
    "budget",
    "device",
    "predicted_frames",
    "predicted_frames_low",
    "measured_frames",
    "band",
    "error_percent",
    "published_frames",
    "comparable",
    "status",
    "error",
    "evidence",
)
# As people read them; columns that are not named here are for programs.
HEADERS = {name: name.replace("_", " ") for name in COLUMNS if name not in ("comparable", "status", "evidence")} | {
    "predicted_frames_low": "with 2 GiB taken",
    "error_percent": "error %",
}
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
    frame = frames_frame(read_probes(probes))
    headers, cells = shown(frame)
    write_text(out.with_suffix(".md"), "\n\n".join([f"# {TITLE}", _tabulated(headers, cells, "github"), *NOTES]) + "\n")
    write_text(out.with_suffix(".tex"), _latex(frame))
    write_text(out.with_suffix(".html"), page(TITLE, table(headers, cells), *map(note, NOTES)))
    write_text(out, frame.round(2).to_csv(index=False))
    return "\n\n".join([TITLE, _tabulated(headers, cells, "simple"), *NOTES])


def frames_frame(probes: Sequence[Probe]) -> pd.DataFrame:
    """One line a record, its columns and their types as docs/tables.md says."""
    frame = pd.DataFrame([_line(probe) for probe in probes], columns=list(COLUMNS))
    return frame.astype(dict.fromkeys(WHOLE_NUMBERS, "Int64") | {"comparable": "boolean"})


def _line(probe: Probe) -> dict[str, Any]:
    record, (low, predicted) = probe.record, probe.predicted
    band = record.band or (0, 0)
    return {
        **probe.cells,
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


def shown(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headers and cells as people read them, without columns that are empty."""
    cells = pd.DataFrame([_texts(line) for line in frame.to_dict("records")], columns=list(HEADERS))
    filled = [name for name in HEADERS if (cells[name] != "").any()]
    return [HEADERS[name] for name in filled], cells[filled].to_numpy().tolist()


def _texts(line: dict[Any, Any]) -> dict[str, str]:
    cells = {name: "" if pd.isna(line[name]) else str(line[name]) for name in HEADERS}
    if cells["error_percent"]:
        cells["error_percent"] = f"{line['error_percent']:+.1f}"
    if line["status"] == "failed":
        cells["measured_frames"] = "failed"
    if cells["published_frames"] != NOT_AVAILABLE and not line["comparable"]:
        cells["published_frames"] = f"({cells['published_frames']})"
    return cells


def _tabulated(headers: list[str], cells: list[list[str]], style: str) -> str:
    return tabulate(cells, headers=headers, tablefmt=style, disable_numparse=True)


def _latex(frame: pd.DataFrame) -> str:
    lines = [_texts(line) for line in frame.to_dict("records")]
    for line in lines:
        line["budget"] = (
            line["budget"].replace(" of address space on a CPU", ", CPU").replace(" allocator cap on ", ", ")
        )
    names = [name for name in PRINTED if any(line[name] for line in lines)]
    cells = [[escaped(line[name].replace(NOT_AVAILABLE, "n/a")) for name in names] for line in lines]
    rows = [" & ".join(line) + " \\\\" for line in [[PRINTED[name] for name in names], *cells]]
    return "\n".join(
        [
            *(f"% {line}" for line in (TITLE, "needs \\usepackage{booktabs}", *NOTES)),
            "{\\scriptsize\\setlength{\\tabcolsep}{2pt}\\centering",
            f"\\begin{{tabular}}{{@{{}}{'l' * len(names)}@{{}}}}",
            "\\toprule",
            rows[0],
            "\\midrule",
            *rows[1:],
            "\\bottomrule",
            "\\end{tabular}\\par}\n",
        ]
    )
