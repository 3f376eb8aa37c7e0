"""A plan: every job of a tier, its hours and its disk, what these stand on, and what is left to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from vita.core.config_base import digest
from vita.core.records import PREDICTION_FILE, TRAINING_FILE
from vita.experiments.planning.costs import Unit
from vita.experiments.planning.estimate import Basis, Estimator
from vita.experiments.planning.frames import embedded_bytes, frames_to_predict
from vita.experiments.planning.measured import finished, predictions
from vita.experiments.planning.run_kinds import Device, Kind, kind_of
from vita.experiments.run_table import Run, RunTable

BYTES_PER_PARAMETER = 4
CHECKPOINT = 3  # times the weights: themselves, and the optimizer's two means for each
BYTES_PER_MASK = 300  # a run-length code of a frame of 720 x 1280 with its share of the file: an assumption

Stage = Literal["pre-training", "training", "prediction", "scoring"]


@dataclass(frozen=True)
class Line:
    """One job of one run. hours: of one core or one GPU, None where nothing is known of such a job."""

    run: str
    method: str
    backbone: str
    variant: str
    stage: Stage
    inference: str  # the variant that is scored
    device: Device
    hours: float | None
    disk_bytes: float | None
    basis: Basis
    done: bool


@dataclass(frozen=True)
class Plan:
    """data_bytes: of embedded data. checkpoint_bytes: of the largest training, while it lasts.

    files: weights of others, a line each: which run has them, or begins with them, and what they are.
    """

    tier: str
    lines: tuple[Line, ...]
    data_bytes: float
    checkpoint_bytes: float
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planner:
    """root: where `results/` lies. Operations are counted only where nothing was measured: torch loads for seconds."""

    table: RunTable
    estimator: Estimator
    root: Path

    def plan(self, experiments: Sequence[str] = ()) -> Plan:
        """experiments: only what these need, everything when empty. Raises UserError on an unreadable record."""
        table = self.table
        asked = [pair for name in experiments for pair in table.evaluations(name)] if experiments else table.evaluated()
        wanted = _with_their_starts(asked)
        lines: list[Line] = []
        for run in (run for run in table if run.directory in wanted):
            scored = dict.fromkeys(name for other, name in asked if other.directory == run.directory)
            lines += _lines(_Job(run, self), list(scored))
        trained = [line.disk_bytes or 0 for line in lines if line.stage in ("pre-training", "training")]
        shapes = [dataset.shapes for dataset in table.datasets.values() if dataset.shapes]
        largest = CHECKPOINT * max(trained, default=0)
        files = tuple(_file_line(run) for run in table if run.directory in wanted and run.published)
        return Plan(table.tier.tier, tuple(lines), sum(map(embedded_bytes, shapes)), largest, files)

    @cached_property
    def frames(self) -> dict[str, float | None]:
        """How many frames of each data set are scored, by its name; None where that is not known."""
        scored = {run.dataset: run.config.dataset for run in self.table if run.prediction}
        return {name: frames_to_predict(dataset) for name, dataset in scored.items()}


@dataclass(frozen=True)
class _Job:
    run: Run
    planner: Planner

    @property
    def folder(self) -> Path:
        return self.planner.root / self.run.directory

    @cached_property
    def device(self) -> Device:
        return "gpu" if self.planner.table.tier.gpus else "cpu"

    @cached_property
    def kind(self) -> Kind:
        return kind_of(self.run.config, self.run.prediction, self.device)

    @property
    def frames(self) -> float | None:
        return self.planner.frames[self.run.dataset] if self.run.prediction else None

    @cached_property
    def trained(self) -> bool:
        start = self.run.starts_from
        before = start is None or _Job(start, self.planner).trained
        return before and finished(self.folder / TRAINING_FILE, digest(self.run.config))

    @cached_property
    def predicted(self) -> bool:
        plan, record = self.run.prediction, self.folder / PREDICTION_FILE
        return plan is not None and self.trained and finished(record, digest(plan))


def _with_their_starts(asked: Sequence[tuple[Run, str]]) -> set[str]:
    wanted: set[str] = set()
    for run, _ in asked:
        current: Run | None = run
        while current is not None:
            wanted.add(current.directory)
            current = current.starts_from
    return wanted


def _lines(job: _Job, scored: Sequence[str]) -> list[Line]:
    """Training, unless a file of others gives the weights; prediction; a scoring for each of `scored`."""
    lines = []
    if job.run.is_trained:
        stage: Stage = "pre-training" if job.run.prediction is None else "training"
        iterations = job.run.config.train.iterations
        lines.append(_line(job, stage, "iteration", iterations, _weights_bytes(job), job.trained))
    if scored:
        lines.append(_line(job, "prediction", "frame", job.frames, _predicted_bytes(job), job.predicted))
    for name in scored:
        done = job.predicted and (job.folder / "metrics" / f"{name}.json").exists()
        lines.append(_line(job, "scoring", "scored_frame", job.frames, 0.0, done, name))
    return lines


def _file_line(run: Run) -> str:
    assert run.published is not None
    begins = "" if not run.is_trained else " begins with"
    names = f"{run.method} {run.backbone} {run.variant} on {run.dataset}"
    there = "" if Path(run.published.file).exists() else " (not there)"
    return f"{names}{begins}: {run.published.published}: {run.published.file}{there}"


def _gflop(job: _Job, unit: Unit) -> float:
    from vita.experiments.planning.flops import gflop_per_frame, gflop_per_iteration  # noqa: PLC0415  it loads torch

    config, plan = job.run.config, job.run.prediction
    return gflop_per_iteration(config) if unit == "iteration" or plan is None else gflop_per_frame(config, plan)


def _line(
    job: _Job, stage: Stage, unit: Unit, units: float | None, size: float | None, done: bool, inference: str = ""
) -> Line:
    """One job that does so many of the units; its hours follow from the estimate of one."""
    each = job.planner.estimator.estimate(job.kind, unit, lambda: _gflop(job, unit))
    hours = None if each.seconds is None or units is None else each.seconds * units / 3600
    run, device = job.run, "cpu" if stage == "scoring" else job.device
    basis: Basis = "not known" if hours is None else each.basis
    names = (run.directory, run.method, run.backbone, run.variant)
    return Line(*names, stage, inference, device, hours, size, basis, done)


def _weights_bytes(job: _Job) -> float:
    weights = job.planner.root / job.run.weights
    if weights.exists():
        return weights.stat().st_size
    measured = job.planner.estimator.size(job.kind, "weights_bytes")
    if measured is not None:
        return measured
    from vita.experiments.planning.flops import parameters  # noqa: PLC0415  it loads torch

    return BYTES_PER_PARAMETER * parameters(job.run.config)


def _predicted_bytes(job: _Job) -> float | None:
    """Of all inference variants, and of the frame detector's own."""
    if job.predicted:
        return sum(file.stat().st_size for file in predictions(job.folder))
    plan = job.run.prediction
    if plan is None or job.frames is None:
        return None
    each = job.planner.estimator.size(job.kind, "bytes_per_frame") or BYTES_PER_MASK * plan.top_k
    return (len(plan.variants) + 1) * job.frames * each
