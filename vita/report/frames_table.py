"""Table 4 from the records of memory probes: frames that fit, predicted and measured, beside the paper's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from vita.contract import UserError
from vita.files import read_record, write_text
from vita.report.html import note, page, table
from vita.report.inputs import PUBLISHED
from vita.report.table_latex import escaped

COLUMNS = (
    "method",
    "window",
    "prune_ratio",
    "resolution",
    "attention",
    "budget",
    "device",
    "predicted_frames",
    "measured_frames",
    "band",
    "error_percent",
    "published_frames",
    "comparable",
    "status",
    "error",
    "evidence",
)
NOT_AVAILABLE = "not available"
TITLE = "Table 4: Maximum number of frames"
PAPER_BUDGET = 12 * 2**30
NEEDED = ("key", "case", "budget_bytes", "predicted_frames", "status")


def build_frames_table(probes: Sequence[Path], out: Path) -> str:
    """Write `out` (CSV) with .md, .tex and .html beside it; give the text to print.

    Raises UserError naming a record that is missing or incomplete.
    """
    if not probes:
        raise UserError("--probe: name at least one record of `vita probe`")
    frame = pd.DataFrame([_line(path) for path in probes], columns=list(COLUMNS))
    frame = frame.astype({"predicted_frames": "Int64", "measured_frames": "Int64", "comparable": "boolean"})
    headers, cells, notes = *shown(frame), captions(frame)
    write_text(out.with_suffix(".md"), "\n\n".join([f"# {TITLE}", _tabulated(headers, cells, "github"), *notes]) + "\n")
    write_text(out.with_suffix(".tex"), _latex(headers, cells, notes))
    write_text(out.with_suffix(".html"), page(TITLE, table(headers, cells), *map(note, notes)))
    write_text(out, frame.round(2).to_csv(index=False))
    return "\n\n".join([TITLE, _tabulated(headers, cells, "simple"), *notes])


def _line(path: Path) -> dict[str, Any]:
    record = read_record(path, NEEDED)
    case, key = record["case"], record["key"]
    measured, band = record.get("measured_frames"), record.get("band")
    at_measured = record.get("predicted_peak_at_measured")
    return {
        **key,
        "resolution": f"{case['height']} x {case['width']}",
        "attention": case["attention"],
        "budget": record.get("budget") or f"{record['budget_bytes'] / 2**30:g} GiB",
        "device": record.get("device", "none: predicted"),
        "predicted_frames": record["predicted_frames"],
        "measured_frames": measured,
        "band": "" if not band or band[0] == band[1] else f"{band[0]} to {band[1]}",
        "error_percent": _error(record, measured) if at_measured else None,
        "published_frames": _published(key),
        "comparable": is_comparable(record),
        "status": record["status"],
        "error": record.get("error", ""),
        "evidence": path.as_posix(),
    }


def _error(record: dict[str, Any], measured: int | None) -> float | None:
    return None if not measured else 100 * (record["predicted_frames"] - measured) / measured


def is_comparable(record: dict[str, Any]) -> bool:
    """Whether the question is the paper's: the released model, 12 GiB, attention as the released code has it."""
    case = record["case"]
    as_released = not case["options"] and case["attention"] == "materialised" and case["precision"] == "float32"
    return bool(as_released and record["budget_bytes"] == PAPER_BUDGET and record.get("device") != "cpu")


def _published(key: dict[str, Any]) -> str:
    stated = pd.read_csv(PUBLISHED / "table4_max_frames.csv", dtype=str, keep_default_na=False)
    same = stated
    for name in ("method", "window", "prune_ratio"):
        same = same[same[name] == str(key.get(name, ""))]
    return str(same["max_frames"].iloc[0] or NOT_AVAILABLE) if len(same) else NOT_AVAILABLE


def shown(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Headers and cells as people read them."""
    told = [name for name in COLUMNS if name not in ("comparable", "evidence", "status")]
    names = [name for name in told if (frame[name].notna() & (frame[name].astype(str) != "")).any()]
    lines = frame.to_dict("records")
    cells = [[_text(line, name) for name in names] for line in lines]
    return [name.replace("_", " ").replace("percent", "%") for name in names], cells


def _text(line: dict[Any, Any], name: str) -> str:
    value = line[name]
    if name == "published_frames" and value != NOT_AVAILABLE and not line["comparable"]:
        return f"({value})"
    if pd.isna(value):
        return line["status"] if name == "measured_frames" and line["status"] == "failed" else ""
    return f"{value:+.1f}" if name == "error_percent" else str(value)


def captions(frame: pd.DataFrame) -> list[str]:
    """What must be said of the numbers."""
    notes = [
        "Predicted: from shapes alone, without a device; the memory of weights and of the video, not of a CUDA context "
        "or of other programs. Measured: trials in processes of their own, no fallback allowed.",
        "Published numbers are of a 12 GB Titan XP. They stand in brackets beside rows that ask another question: "
        "another model size, budget or path of attention.",
    ]
    if (frame["status"] == "failed").any():
        notes.append("A probe that failed has no number; its error stands in its row.")
    return notes


def _tabulated(headers: list[str], cells: list[list[str]], style: str) -> str:
    return tabulate(cells, headers=headers, tablefmt=style, disable_numparse=True)


def _latex(headers: list[str], cells: list[list[str]], notes: list[str]) -> str:
    rows = [" & ".join(map(escaped, line)) + " \\\\" for line in [headers, *cells]]
    return "\n".join(
        [
            *(f"% {line}" for line in (TITLE, "needs \\usepackage{booktabs}", *notes)),
            "{\\scriptsize\\setlength{\\tabcolsep}{2pt}\\centering",
            f"\\begin{{tabular}}{{@{{}}{'l' * len(headers)}@{{}}}}",
            "\\toprule",
            rows[0],
            "\\midrule",
            *rows[1:],
            "\\bottomrule",
            "\\end{tabular}\\par}\n",
        ]
    )
