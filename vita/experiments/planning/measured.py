"""What finished runs took, read from the files that they left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.files import read_json, read_record
from vita.core.run_config import PredictConfig, RunConfig
from vita.experiments.planning.costs import UNKNOWN, Cost, Unit
from vita.experiments.planning.run_kinds import kind_of

TRAINED = ("config", "device", "iterations", "train_time_s", "resumed_at", "processes", "threads")
PREDICTED = ("config", "frames", "predict_time_s", "processes", "threads")


@dataclass(frozen=True)
class Measured:
    """A finished run's cost, its work left out, and what is needed to count that.

    units: how many of each were done; scored frames count once for every inference variant whose scoring was timed.
    """

    folder: Path
    config: RunConfig
    plan: PredictConfig | None
    cost: Cost
    units: dict[Unit, int]


def measured_runs(folders: Sequence[Path]) -> tuple[list[Measured], list[str]]:
    """Of the finished runs among `folders`; and why the records of others cannot be used, a line each."""
    found, problems = [], []
    for folder in folders:
        try:
            run = _measured(folder)
        except UserError as error:  # of an earlier version, say: nobody should have to delete it for a plan
            problems.append(str(error))
        else:
            found += [run] if run else []
    return found, problems


def finished(record: Path, digest: str) -> bool:
    """Whether a record tells that just this was done. Raises UserError when it is not readable."""
    if not record.exists():
        return False
    content = read_json(record)
    return isinstance(content, dict) and (content.get("status"), content.get("config_digest")) == ("finished", digest)


def _measured(folder: Path) -> Measured | None:
    trained = _record(folder / "record.json", TRAINED)
    if trained is None:
        return None
    config = parse(RunConfig, trained["config"], f"{folder / 'record.json'}: config")
    predicted = _record(folder / "predict_record.json", PREDICTED)
    plan = None
    if predicted is not None:
        plan = parse(PredictConfig, predicted["config"], f"{folder / 'predict_record.json'}: config")
    kind = kind_of(config, plan, "cpu" if trained["device"] == "cpu" else "gpu")
    frames = predicted["frames"] if predicted else 0
    scored = frames * len(_scorings(folder))
    cost = Cost(
        **vars(kind),
        seconds_per_iteration=_train_seconds(folder, trained) * _units(trained) / trained["iterations"],
        seconds_per_frame=_predict_seconds(folder, predicted) * _units(predicted) / frames if predicted else UNKNOWN,
        seconds_per_scored_frame=sum(_scorings(folder)) / scored if scored else UNKNOWN,
        gflop_per_iteration=UNKNOWN,
        gflop_per_frame=UNKNOWN,
        weights_bytes=_mean_size([folder / "model.safetensors"]),
        bytes_per_frame=_mean_size(predictions(folder)) / frames if frames else UNKNOWN,
        source="measured here",
    )
    return Measured(
        folder, config, plan, cost, {"iteration": trained["iterations"], "frame": frames, "scored_frame": scored}
    )


def predictions(folder: Path) -> list[Path]:
    """The files of predictions that a run left."""
    return [*folder.glob("frame_detector.json"), *sorted((folder / "predictions").glob("*.json"))]


def wall_seconds(folder: Path, task: str) -> float | None:
    """Of a job from its start to its end, as the workflow measured it; None for one that it did not run."""
    path = folder / "logs" / f"{task}.tsv"
    if not path.exists():
        return None
    try:
        return float(pd.read_csv(path, sep="\t")["s"].sum())
    except (KeyError, ValueError) as error:
        raise UserError(f"{path}: not a benchmark of the workflow: {error}; delete it") from None


def _train_seconds(folder: Path, record: dict[str, Any]) -> float:
    """Of a training that was cut off, the benchmark tells the last piece only, the record all steps."""
    whole = None if record["resumed_at"] else wall_seconds(folder, "train")
    return float(record["train_time_s"]) if whole is None else whole


def _predict_seconds(folder: Path, record: dict[str, Any]) -> float:
    whole = wall_seconds(folder, "predict")
    return float(record["predict_time_s"]) if whole is None else whole


def _scorings(folder: Path) -> list[float]:
    """Seconds of each inference variant's scoring."""
    found = [wall_seconds(folder, path.stem) for path in sorted((folder / "logs").glob("evaluate_*.tsv"))]
    return [seconds for seconds in found if seconds is not None]


def _mean_size(files: Sequence[Path]) -> float:
    sizes = [file.stat().st_size for file in files if file.exists()]
    return sum(sizes) / len(sizes) if sizes else UNKNOWN


def _units(record: dict[str, Any]) -> int:
    """Cores or GPUs that a job kept to itself."""
    return int(record["threads"] if record["device"] == "cpu" else record["processes"])


def _record(path: Path, keys: Sequence[str]) -> dict[str, Any] | None:
    """None for what is not there or not finished."""
    content = read_json(path) if path.exists() else None
    if content is None or (isinstance(content, dict) and content.get("status") != "finished"):
        return None
    return read_record(path, keys)
