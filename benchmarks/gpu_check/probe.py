"""The memory probe: how many frames fit, measured beside what was predicted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gpu_check.report import Bench, Item, Report
from gpu_check.scenes import options
from vita.core.probe_record import ProbeRecord
from vita.engine.memory.budget import read_budget
from vita.engine.memory.case import Case
from vita.engine.memory.probe import Search, probe

NEAR = 0.1  # of the prediction, on a CPU, where it is one number and not a range


@dataclass(frozen=True)
class Question:
    """A case, and the minutes after which no trial of it begins. name: in the table of devices."""

    name: str
    case: Case
    minutes: float


def questions(bench: Bench) -> list[Question]:
    """The paper's four methods at its size on a card; a tiny one on a CPU."""
    if not bench.is_card:
        name = "mask2former_vis"  # whose few frames take much memory, so that trials are short
        return [Question(name, Case(method=name, options=options(bench, name), height=96, width=160), 4.0)]
    minutes = {"vita": 3.0, "ifc": 1.3, "mask2former_vis": 1.3, "vistr": 1.3}
    variants: dict[str, dict[str, Any]] = {"vita": {"window": 6}}
    return [Question(name, Case(method=name, variant=variants.get(name, {})), limit) for name, limit in minutes.items()]


def items(bench: Bench) -> Iterator[Item]:
    """A question each."""
    for question in questions(bench):
        yield f"{question.name} frames in memory", partial(measured, question)


def measured(question: Question, report: Report) -> None:
    """A line for the trials, one for the number."""
    bench = report.bench
    budget = read_budget("12GiB" if bench.is_card else "192MiB", bench.device.type)
    search = Search(minutes=question.minutes, precision=0.05, threads=1, trial_timeout_s=120)
    with TemporaryDirectory(prefix="vita-gpu-") as folder:
        record = probe(question.case, budget, search, Path(folder) / "trials.jsonl")
    outcomes = [trial["outcome"] for trial in record.trials]
    name = f"{question.name} under {record.budget}"
    wrong = [outcome for outcome in outcomes if outcome not in ("fits", "out of memory")]
    report.held(f"{name}, trials", f"{len(outcomes)}, of which no answer: {wrong or 'none'}", "none", not wrong)
    if record.measured_frames is None:
        report.add(name, record.error or f"more than {record.at_least_frames} frames", "a number", "miss")
        return
    low, high = expected(bench, record)
    figure = f"{record.measured_frames} frames, band {record.band}"
    report.held(name, figure, f"{low} to {high}, as predicted", low <= record.measured_frames <= high)
    if bench.is_card:
        report.cells[question.name] = record.measured_frames


def expected(bench: Bench, record: ProbeRecord) -> tuple[int, int]:
    """The predicted range: of a card as it is; of a CPU, where it is one number, give or take a tenth and one frame."""
    if bench.is_card:
        return record.predicted_frames_low, record.predicted_frames
    off = round(NEAR * record.predicted_frames) + 1
    return record.predicted_frames - off, record.predicted_frames + off
