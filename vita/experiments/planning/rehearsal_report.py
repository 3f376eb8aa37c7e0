"""What a rehearsal showed: memory, seconds a step and losses of every training, and what the whole tier will cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

from tabulate import tabulate

from vita.core.csv_table import read_csv
from vita.core.records import HISTORY_FILE, PREDICTION_FILE, TRAINING_FILE, TrainingRecord, read_record_if_there
from vita.experiments.planning.costs import Cost
from vita.experiments.planning.measured import measured_runs
from vita.experiments.run_table import Run, RunTable

GIBIBYTE = 2**30


@dataclass(frozen=True)
class Rehearsed:
    """One training of a rehearsal. A number is None where it is not known."""

    run: str
    outcome: str  # finished, not run, or the error
    device: str = ""
    memory_gib: float | None = None  # largest: of the device, or of the host on a CPU
    seconds_per_step: float | None = None
    first_loss: float | None = None  # mean of the first third of its rows of history
    last_loss: float | None = None  # of the last third
    predicted: bool | None = None  # whether its predictions went through; None when nothing asks for them

    @property
    def falls(self) -> str:
        """Whether the loss is lower in the last third than in the first; with a single row of history nobody knows."""
        if self.first_loss is None or self.last_loss is None:
            return "too short to tell"
        return "yes" if self.last_loss < self.first_loss else "NO"


def rehearsed_trainings(table: RunTable, root: Path) -> list[Rehearsed]:
    """Every training of a rehearsal's run table. Raises UserError on an unreadable record."""
    found = []
    for run in (run for run in table if run.is_trained):
        predicted = (root / run.directory / PREDICTION_FILE).exists() if run.prediction else None
        found.append(replace(_rehearsed(run, root / run.directory), predicted=predicted))
    return found


def _rehearsed(run: Run, folder: Path) -> Rehearsed:
    record = read_record_if_there(TrainingRecord, folder / TRAINING_FILE)
    if record is None:
        failed = read_record_if_there(TrainingRecord, folder / "work" / TRAINING_FILE)
        return Rehearsed(run.directory, "not run" if failed is None else str(failed.error))
    on_cpu = record.device == "cpu"
    memory = record.peak_host_memory_bytes if on_cpu else record.peak_device_memory_bytes
    history = read_csv(folder / HISTORY_FILE, "history", "vita train", ("total",), {"total": float})
    losses = history["total"].dropna().tolist()
    third = -(-len(losses) // 3)
    first, last = (fmean(losses[:third]), fmean(losses[-third:])) if len(losses) > 1 else (None, None)
    per_step = record.train_time_s / max(record.iterations, 1)
    return Rehearsed(run.directory, record.status, record.device, memory / GIBIBYTE, per_step, first, last)


def rehearsed_costs(table: RunTable, root: Path, tier: str) -> list[Cost]:
    """Costs of the rehearsal's runs as those of the tier itself: of the steps alone, without start-up."""
    runs, _ = measured_runs([root / run.directory for run in table])
    return [replace(run.cost, tier=tier, seconds_per_iteration=run.seconds_per_step) for run in runs]


def rehearsal_text(found: Sequence[Rehearsed]) -> str:
    """A row for each training, as people read it."""
    headers = ["training", "outcome", "device", "memory [GiB]", "s a step", "loss", "falls", "predicted"]
    rows = [
        [
            "/".join(Path(one.run).parts[2:]),
            one.outcome,
            one.device,
            _number(one.memory_gib),
            _number(one.seconds_per_step),
            f"{_number(one.first_loss)} to {_number(one.last_loss)}" if one.first_loss is not None else "",
            one.falls if one.outcome == "finished" else "",
            {None: "", True: "yes", False: "NO"}[one.predicted],
        ]
        for one in found
    ]
    done = sum(one.outcome == "finished" for one in found)
    asked = [one.predicted for one in found if one.predicted is not None]
    told = f"{done} of {len(found)} trainings and {sum(asked)} of {len(asked)} predictions"
    note = f"Rehearsal: {told} went through at full size."
    return f"{note}\n\n{tabulate(rows, headers=headers, disable_numparse=True)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
