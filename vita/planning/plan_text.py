"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from vita.files import write_text
from vita.planning.plan import Line, Plan

HEADERS = ["method", "backbone", "variant", "stage", "runs", "to do", "hours each", "hours to do", "disk", "from"]
MEANING = {
    "measured here": "of runs in this folder",
    "measured before": "of runs on another machine, in the package's table",
    "scaled by work": "other runs' speed, by the number of operations",
    "assumed speed": "NOT measured: operations over an assumed speed of the device",
    "not known": "nothing like it was ever measured; not in the sums",
}


def plan_text(plan: Plan) -> str:
    """Totals, a line for each kind of run, and what the numbers stand on."""
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in plan.lines:
        groups.setdefault((line.method, line.backbone, line.variant, line.stage), []).append(line)
    rows = [[*names, *_numbers(lines)] for names, lines in groups.items()]
    body = tabulate(rows, headers=HEADERS, disable_numparse=True, colalign=("left",) * 4 + ("right",) * 5 + ("left",))
    used = dict.fromkeys(line.basis for line in plan.lines)
    meanings = [f"{basis}: {MEANING[basis]}" for basis in MEANING if basis in used]
    return "\n".join([*_totals(plan), "", body, "", *meanings])


def write_plan(plan: Plan, out: Path) -> None:
    """A CSV row for every stage of every run."""
    write_text(out, pd.DataFrame([asdict(line) for line in plan.lines]).to_csv(index=False, float_format="%.6g"))


def total_hours(lines: Sequence[Line]) -> float:
    """Of the lines whose time is known."""
    return sum(line.hours for line in lines if line.hours is not None)


def _totals(plan: Plan) -> list[str]:
    unit = "GPU hours" if plan.device == "gpu" else "core hours"
    left = [line for line in plan.lines if not line.done]
    trainings = [line for line in plan.lines if line.stage != "prediction"]
    unknown = sum(line.hours is None for line in left)
    least = "at least " if unknown else ""
    disk = sum(line.disk_bytes for line in plan.lines)
    todo = sum(not line.done for line in trainings)
    return [
        f"Tier {plan.tier}: {len(trainings)} trainings ({todo} to do), {len(plan.lines) - len(trainings)} predictions, "
        f"{plan.scorings} scorings ({plan.scorings - plan.scorings_done} to do)",
        f"In all {least}{_hours(total_hours(plan.lines))} {unit}, to do {least}{_hours(total_hours(left))}; "
        f"disk {_size(disk)} of weights and predictions",
    ]


def _numbers(lines: Sequence[Line]) -> list[str]:
    left = [line for line in lines if not line.done]
    known = [line.hours for line in lines if line.hours is not None]
    each = _hours(sum(known) / len(known)) if known else "?"
    basis = ", ".join(dict.fromkeys(line.basis for line in lines))
    to_do = _hours(total_hours(left)) if known else "?"
    return [str(len(lines)), str(len(left)), each, to_do, _size(sum(line.disk_bytes for line in lines)), basis]


def _hours(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
