"""A plan: every run of a tier with what is left of it to do, its hours and its disk, and what these stand on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from vita.config import RunConfig
from vita.config_file import digest
from vita.dataset_config import DatasetConfig
from vita.experiments.run_table import Run, RunTable
from vita.files import read_json
from vita.planning.costs import NOTHING_KNOWN, Cost, Estimate, like, throughput
from vita.planning.work import gflop_per_frame, gflop_per_iteration, parameters

VIDEOS = Path(__file__).parent / "videos.csv"
BYTES_PER_WEIGHT = 4
BYTES_PER_MASK = 300  # a run-length code of a frame of 720 x 1280 with its share of the file: an assumption

Stage = Literal["pre-training", "training", "prediction"]


@dataclass(frozen=True)
class Line:
    """One stage of one run. hours: of one core or one GPU, None where nothing is known of such a run."""

    run: str
    method: str
    backbone: str
    variant: str
    stage: Stage
    hours: float | None
    disk_bytes: float
    basis: str
    done: bool


@dataclass(frozen=True)
class Plan:
    """All lines, and the number of scorings, done and in all."""

    tier: str
    device: Literal["cpu", "gpu"]
    lines: tuple[Line, ...]
    scorings: int
    scorings_done: int


def make_plan(table: RunTable, costs: Sequence[Cost], root: Path, experiments: Sequence[str] = ()) -> Plan:
    """experiments: only the runs that these need, all when empty. root: where `results/` lies."""
    device: Literal["cpu", "gpu"] = "gpu" if table.tier.gpus else "cpu"
    asked = [pair for name in experiments for pair in table.evaluations(name)] if experiments else table.evaluated()
    wanted = _with_their_starts(asked)
    lines: list[Line] = []
    for run in (run for run in table if run.directory in wanted):
        lines.append(_training(run, costs, root, device))
        if run.prediction is not None:
            lines.append(_prediction(run, costs, root, device))
    scored = [(run.directory, inference) for run, inference in asked]
    done = sum((root / folder / "metrics" / f"{name}.json").exists() for folder, name in set(scored))
    return Plan(table.tier.tier, device, tuple(lines), len(set(scored)), done)


def _with_their_starts(asked: Sequence[tuple[Run, str]]) -> set[str]:
    wanted: set[str] = set()
    for run, _ in asked:
        current: Run | None = run
        while current is not None:
            wanted.add(current.directory)
            current = current.starts_from
    return wanted


def _training(run: Run, costs: Sequence[Cost], root: Path, device: str) -> Line:
    estimate = _estimate(costs, run.config, device, "iteration", lambda: gflop_per_iteration(run.config))
    stage: Stage = "pre-training" if run.prediction is None else "training"
    done = _finished(root / run.directory / "record.json", digest(run.config))
    size = BYTES_PER_WEIGHT * parameters(run.config)
    return _line(run, stage, estimate, run.config.train.iterations, size, done)


def _prediction(run: Run, costs: Sequence[Cost], root: Path, device: str) -> Line:
    plan = run.prediction
    assert plan is not None
    frames, variants = frames_to_predict(run.config.dataset), len(run.inference)
    estimate = _estimate(costs, run.config, device, "frame", lambda: gflop_per_frame(run.config, plan))
    done = _finished(root / run.directory / "predict_record.json", digest(plan))
    known = [cost.bytes_per_frame for cost in like(costs, run.config, device) if cost.bytes_per_frame > 0]
    per_frame = known[0] if known else BYTES_PER_MASK * plan.top_k * (variants + 1)
    return _line(run, "prediction", estimate, frames, frames * per_frame, done)


def _line(run: Run, stage: Stage, estimate: Estimate, units: float, size: float, done: bool) -> Line:
    hours = None if estimate.seconds is None else units * estimate.seconds / 3600
    return Line(run.directory, run.method, run.backbone, run.variant, stage, hours, size, estimate.basis, done)


def _estimate(
    costs: Sequence[Cost],
    config: RunConfig,
    device: str,
    unit: Literal["iteration", "frame"],
    gflop: Callable[[], float],
) -> Estimate:
    """From the nearest of what was measured: such a run here, such a run before, other runs by their work."""
    name = f"seconds_per_{unit}"
    alike = [cost for cost in like(costs, config, device) if getattr(cost, name) > 0]
    if alike:
        newest = [cost for cost in alike if cost.source == "measured here"] or alike
        return Estimate(sum(getattr(cost, name) for cost in newest) / len(newest), newest[0].source)
    speed = throughput(costs, device, unit)
    work = gflop() if speed is not None else math.nan
    if speed is None or math.isnan(work):
        return NOTHING_KNOWN
    return Estimate(work / speed[0], speed[1])


def _finished(record: Path, wanted: str) -> bool:
    if not record.exists():
        return False
    content = read_json(record)
    return (content.get("status"), content.get("config_digest")) == ("finished", wanted)


def frames_to_predict(dataset: DatasetConfig) -> float:
    """Frames of the videos that are scored: of embedded data exactly, of real data sets from published counts."""
    if dataset.shapes is not None:
        share = dataset.local_split.valid_share if dataset.local_split and dataset.validate_on != "valid" else None
        own = dataset.shapes
        return own.valid_videos * own.valid_frames if share is None else share * own.train_videos * own.train_frames
    lengths = pd.read_csv(VIDEOS).set_index("dataset")["mean_frames"]
    mean = float(lengths.get(dataset.name, lengths["any"]))
    if dataset.validate_on == "local_split" and dataset.local_split is not None:
        return dataset.local_split.valid_share * (dataset.train.videos or 0) * mean
    return (dataset.valid.videos or 0) * mean
