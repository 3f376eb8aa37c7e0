"""What finished runs took, read from the files that they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.records import (
    PREDICTION_FILE,
    TRAINING_FILE,
    PredictionRecord,
    RunOutcome,
    RunRecord,
    TrainingRecord,
    read_record_if_there,
)
from vita.core.run_config import PredictConfig, RunConfig
from vita.experiments.planning.costs import UNKNOWN, Cost, Unit
from vita.experiments.planning.run_kinds import kind_of

Finished = TypeVar("Finished", bound=RunRecord)


@dataclass(frozen=True)
class Measured:
    """A finished run's cost, its work left out, and what is needed to count that.

    units: how many of each were done; scored frames count once for every inference variant whose scoring was timed.
    seconds_per_step: as the cost's seconds an iteration, but of the steps alone, without the job's start-up.
    """

    folder: Path
    config: RunConfig
    plan: PredictConfig | None
    cost: Cost
    units: dict[Unit, int]
    seconds_per_step: float


def measured_runs(folders: Sequence[Path]) -> tuple[list[Measured], list[str]]:
    """Read the finished runs among `folders`, and say why the records of others cannot be used, a line each."""
    found, problems = [], []
    for folder in folders:
        try:
            run = _measured(folder)
        except UserError as error:  # of an earlier version, say: nobody should have to delete it for a plan
            problems.append(str(error))
        except ArithmeticError as error:  # numbers that no machine has
            problems.append(f"{folder}: {error}")
        else:
            found += [run] if run else []
    return found, problems


def finished(record: Path, digest: str) -> bool:
    """Whether a record tells that just this was done. Raises UserError when it is not readable."""
    outcome = read_record_if_there(RunOutcome, record)
    return outcome is not None and (outcome.status, outcome.config_digest) == ("finished", digest)


def _measured(folder: Path) -> Measured | None:
    trained = _if_finished(TrainingRecord, folder / TRAINING_FILE)
    if trained is None:
        return None
    config = parse(RunConfig, trained.config, f"{folder / TRAINING_FILE}: config")
    predicted = _if_finished(PredictionRecord, folder / PREDICTION_FILE)
    plan = None
    if predicted is not None:
        plan = parse(PredictConfig, predicted.config, f"{folder / PREDICTION_FILE}: config")
    kind = kind_of(config, plan, "cpu" if trained.device == "cpu" else "gpu")
    frames = predicted.frames if predicted else 0
    scored = frames * len(_scorings(folder))
    cost = Cost(
        **vars(kind),
        seconds_per_iteration=_seconds_per_iteration(trained, _train_seconds(folder, trained)),
        seconds_per_frame=_predict_seconds(folder, predicted) / frames if predicted else UNKNOWN,
        seconds_per_scored_frame=sum(_scorings(folder)) / scored if scored else UNKNOWN,
        gflop_per_iteration=UNKNOWN,
        gflop_per_frame=UNKNOWN,
        weights_bytes=_mean_size([folder / "model.safetensors"]),
        bytes_per_frame=_mean_size(predictions(folder)) / frames if frames else UNKNOWN,
        source="measured here",
    )
    units: dict[Unit, int] = {"iteration": trained.iterations, "frame": frames, "scored_frame": scored}
    return Measured(folder, config, plan, cost, units, _seconds_per_iteration(trained, trained.train_time_s))


def predictions(folder: Path) -> list[Path]:
    """The files of predictions that a run left."""
    return [*folder.glob("frame_detector.json"), *sorted((folder / "predictions").glob("*.json"))]


def _wall_seconds(folder: Path, task: str, otherwise: float) -> float:
    """Seconds of a job from its start to its end, as the workflow measured it; `otherwise` where it did not run it."""
    path = folder / "logs" / f"{task}.tsv"
    if not path.exists():
        return otherwise
    try:
        return float(pd.read_csv(path, sep="\t")["s"].sum())
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: not a benchmark of the workflow: {error}; delete it") from None


def _seconds_per_iteration(record: TrainingRecord, seconds: float) -> float:
    """Weights that come from a file took none."""
    if record.weights_from != "trained" or record.iterations < 1:
        return UNKNOWN
    return seconds * _units(record) / record.iterations


def _train_seconds(folder: Path, record: TrainingRecord) -> float:
    """Of a training that was cut off, the benchmark tells the last piece only, the record all steps."""
    return record.train_time_s if record.resumed_at else _wall_seconds(folder, "train", record.train_time_s)


def _predict_seconds(folder: Path, record: PredictionRecord) -> float:
    return _wall_seconds(folder, "predict", record.predict_time_s) * _units(record)


def _scorings(folder: Path) -> list[float]:
    """Seconds of each inference variant's scoring."""
    return [_wall_seconds(folder, path.stem, 0.0) for path in sorted((folder / "logs").glob("evaluate_*.tsv"))]


def _mean_size(files: Sequence[Path]) -> float:
    sizes = [file.stat().st_size for file in files if file.exists()]
    return sum(sizes) / len(sizes) if sizes else UNKNOWN


def _units(record: RunRecord) -> int:
    """Cores or GPUs that a job kept to itself."""
    return record.processes * (record.threads if record.device == "cpu" else 1)


def _if_finished(kind: type[Finished], path: Path) -> Finished | None:
    """Read a record; None when it is not there or tells of something unfinished."""
    record = read_record_if_there(kind, path)
    return record if record is not None and record.status == "finished" else None
