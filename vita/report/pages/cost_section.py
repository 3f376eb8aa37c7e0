"""What all runs took, by stage and by training, beside what the plan would have said."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from vita.core.grouping import grouped
from vita.experiments.planning.costs import UNKNOWN, Unit, read_costs
from vita.experiments.planning.estimate import Estimator
from vita.experiments.planning.measured import Measured, measured_runs
from vita.report.pages.html import note, section, table

STAGES: dict[Unit, str] = {"iteration": "training", "frame": "prediction", "scored_frame": "scoring"}
ORDER = ("pre-training", *STAGES.values())
SAID = (
    "Minutes of one core, or of one GPU where the device says so, of whole jobs as the workflow timed them, start-up "
    "included; of a training that was cut off, of its steps alone. What is shared counts once. Jobs run beside each "
    "other, so the whole takes less. Estimated: what `vita plan` says of the same jobs from the table of costs that "
    "comes with the package, for those that it knows."
)


@dataclass(frozen=True)
class _Jobs:
    """One stage of one run. estimated: None where no such run is in the table of costs."""

    names: tuple[str, str, str]
    stage: str
    device: str
    minutes: float
    estimated: float | None


def cost_section(folders: Sequence[Path]) -> Markup:
    """Of the finished runs among `folders`; what cannot be read is named."""
    runs, problems = measured_runs(folders)
    before = Estimator(read_costs())
    jobs = [job for run in runs for job in _jobs(run, before)]
    in_order = sorted(jobs, key=lambda job: ORDER.index(job.stage))
    by_stage = _table(in_order, ["stage", "device"], lambda job: (job.stage, job.device))
    by_training = _table(jobs, ["method", "backbone", "variant", "device"], lambda job: (*job.names, job.device))
    unused = [note(f"Not used: {problem}") for problem in problems]
    return section("Cost", note(SAID), by_stage, by_training, *unused)


def _jobs(run: Measured, before: Estimator) -> Iterator[_Jobs]:
    names = (run.config.method, run.config.backbone, run.config.variant)
    for unit, stage in STAGES.items():
        seconds = run.cost.seconds(unit) * run.units[unit]
        if not seconds > 0:
            continue
        each = before.estimate(run.cost, unit, lambda: UNKNOWN)
        known = each.seconds is not None and each.basis in ("measured before", "a similar run")
        estimated = (each.seconds or 0.0) * run.units[unit] / 60 if known else None
        device = "cpu" if unit == "scored_frame" else run.cost.device
        yield _Jobs(names, _stage(run, stage), device, seconds / 60, estimated)


def _stage(run: Measured, stage: str) -> str:
    """Nothing is ever predicted with the weights of a pre-training."""
    asked = (run.folder / "inference.yaml").exists()
    return stage if asked or stage != "training" else "pre-training"


def _table(jobs: Sequence[_Jobs], headers: Sequence[str], name: Callable[[_Jobs], tuple[str, ...]]) -> Markup:
    rows: list[Sequence[str]] = [[*names, *_cells(some)] for names, some in grouped(jobs, name).items()]
    rows.append(["all", *[""] * (len(headers) - 1), *_cells(jobs)])
    classes = [""] * (len(rows) - 1) + ["total"]
    return table([*headers, "runs", "minutes", "estimated", "known of"], rows, classes)


def _cells(jobs: Sequence[_Jobs]) -> list[str]:
    known = [job.estimated for job in jobs if job.estimated is not None]
    estimated = f"{sum(known):.1f}" if known else ""
    return [str(len(jobs)), f"{sum(job.minutes for job in jobs):.1f}", estimated, f"{len(known)} of {len(jobs)}"]
