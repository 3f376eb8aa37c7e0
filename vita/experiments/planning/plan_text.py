"""A plan as people read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from vita.core.csv_table import csv_text
from vita.core.files import write_text
from vita.core.grouping import grouped
from vita.experiments.planning.estimate import BASES, Basis
from vita.experiments.planning.plan import Line, Plan
from vita.experiments.planning.rehearsal_report import Rehearsed
from vita.experiments.planning.run_kinds import Device
from vita.experiments.probes import Probe

MEANING: dict[Basis, str] = {
    "measured here": "runs in this folder",
    "measured before": "the same training elsewhere, in the table of costs",
    "a similar run": "another training variant, or another number of inference variants, of the same model",
    "scaled by work": "other runs' speed, by the number of operations, and of frames for scoring",
    "assumed speed": "NOT measured: operations over an assumed speed of the device",
    "not known": "nothing like it was measured; not in the sums, which then say >=",
}
UNITS: dict[Device, str] = {"gpu": "GPU hours", "cpu": "core hours"}

Name = Callable[[Line], tuple[str, ...]]


def plan_text(plan: Plan) -> str:
    """Jobs, hours and disk by stage, by method and by training, and what the numbers stand on."""
    if not plan.lines:
        return f"Tier {plan.tier}: nothing to run"
    files = ["\n".join(["Weights of others:", *(f"  {line}" for line in plan.files)])] if plan.files else []
    left = sum(not line.done for line in plan.lines)
    parts = [f"Tier {plan.tier}: {len(plan.lines)} jobs, {left} of them to do"]
    parts.append(_table(plan, ["stage"], lambda line: (line.stage,), total=True))
    parts.append(_table(plan, ["method"], lambda line: (line.method,)))
    names = ["method", "backbone", "variant"]
    parts.append(_table(plan, names, lambda line: (line.method, line.backbone, line.variant)))
    return "\n\n".join([*parts, *files, _disk_note(plan), _meanings(plan)])


def probes_text(experiment: str, probes: Sequence[Probe]) -> str:
    """What memory probes take, which are no jobs of a plan."""
    minutes = [probe.search.minutes for probe in probes if probe.search]
    measured = f", {len(minutes)} measurements of at most {max(minutes):g} minutes each" if minutes else ""
    predicted = f"{len(probes) - len(minutes)} predictions of some seconds each"
    return f"Memory probes of {experiment}, not counted above: {predicted}{measured}."


def plan_json(plan: Plan, probes: Mapping[str, Sequence[Probe]], rehearsed: Sequence[Rehearsed] = ()) -> dict[str, Any]:
    """All of it as plain data: every job, hours by device, sizes in bytes, and what probes take."""
    left = [line for line in plan.lines if not line.done]
    searches = {name: [probe.search for probe in asked if probe.search] for name, asked in probes.items()}
    return {
        "tier": plan.tier,
        "jobs": len(plan.lines),
        "jobs_to_do": len(left),
        "hours": {device: hours(plan.lines, device) for device in UNITS},
        "hours_to_do": {device: hours(left, device) for device in UNITS},
        "jobs_of_unknown_time": sum(line.hours is None for line in plan.lines),
        "disk_bytes": sum(line.disk_bytes or 0 for line in plan.lines),
        "data_bytes": plan.data_bytes,
        "checkpoint_bytes": plan.checkpoint_bytes,
        "weights_of_others": list(plan.files),
        "lines": [asdict(line) for line in plan.lines],
        "probes": {
            name: {
                "predictions": len(probes[name]) - len(measured),
                "measurements": len(measured),
                "minutes_at_most": sum(search.minutes for search in measured),
            }
            for name, measured in searches.items()
        },
        "rehearsed": [asdict(one) for one in rehearsed],
    }


def write_plan(plan: Plan, out: Path) -> None:
    """Write a CSV file with a row for every job."""
    write_text(out, csv_text(pd.DataFrame([asdict(line) for line in plan.lines]), float_format="%.6g"))


def hours(lines: Sequence[Line], device: Device) -> float:
    """Sum up the hours of the lines on this device whose time is known."""
    return sum(line.hours for line in lines if line.device == device and line.hours is not None)


def worst_basis(lines: Sequence[Line]) -> Basis:
    """The weakest of the sources that numbers of these lines stand on."""
    return max((line.basis for line in lines), key=BASES.index)


def _table(plan: Plan, headers: Sequence[str], name: Name, total: bool = False) -> str:
    devices = [device for device in UNITS if any(line.device == device for line in plan.lines)]
    rows = [[*names, *_cells(lines, devices)] for names, lines in grouped(plan.lines, name).items()]
    rows += [["total", *_cells(plan.lines, devices)]] if total else []
    counted = ["jobs", "to do", *(text for device in devices for text in (UNITS[device], "to do"))]
    left = ("left",) * len(headers)
    align = (*left, *("right",) * (len(counted) + 1), "left")
    columns = [*headers, *counted, "disk", "weakest source"]
    return tabulate(rows, headers=columns, disable_numparse=True, colalign=align)


def _cells(lines: Sequence[Line], devices: Sequence[Device]) -> list[str]:
    left = [line for line in lines if not line.done]
    used = {line.device for line in lines}
    told = [_hours(some, device) if device in used else "" for device in devices for some in (lines, left)]
    size = _size(sum(line.disk_bytes or 0 for line in lines))
    return [str(len(lines)), str(len(left)), *told, size, worst_basis(lines)]


def _hours(lines: Sequence[Line], device: Device) -> str:
    value = hours(lines, device)
    known = f"{value:.2f}" if value < 10 else f"{value:,.0f}"
    return f">= {known}" if any(line.device == device and line.hours is None for line in lines) else known


def _disk_note(plan: Plan) -> str:
    data = f"; embedded data takes {_size(plan.data_bytes)}" if plan.data_bytes else ""
    return (
        f"Disk is weights and predictions{data}; the checkpoint of a training at work up to "
        f"{_size(plan.checkpoint_bytes)}."
    )


def _meanings(plan: Plan) -> str:
    used = {line.basis for line in plan.lines}
    return "\n".join(f"{basis}: {MEANING[basis]}" for basis in BASES if basis in used)


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
