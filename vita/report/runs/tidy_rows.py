"""One tidy row for every (run, inference variant): what all tables are made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.config_base import load, parse
from vita.core.contract import UserError
from vita.core.csv_table import csv_text
from vita.core.dataset_config import DatasetConfig
from vita.core.files import write_text
from vita.core.records import TRAINING_FILE, MetricsRecord, TrainingRecord, read_record
from vita.core.run_config import PredictConfig
from vita.evaluation.main_scores import SCORES
from vita.experiments.external import EXTERNAL, EXTERNAL_FILE, SCORED, ExternalConfig
from vita.report.runs.failed_runs import failed_config, failure_of, last_error, scores_stand
from vita.report.runs.server_scores import server_rows

IDENTITY = ("tier", "dataset", "method", "backbone", "variant", "seed")
COLUMNS = (
    *IDENTITY,
    "inference",
    "status",
    "error",
    "ground_truth",
    "videos",
    *SCORES,
    "weights_from",
    "iterations",
    "train_time_s",
    "device",
    "source_digest",
    "directory",
)
NUMBERS = ("videos", *SCORES, "iterations", "train_time_s")
TYPES: dict[str, type] = {name: float if name in NUMBERS else str for name in COLUMNS} | {"seed": int}


def collect_runs(
    run_dirs: Sequence[Path],
    out: Path,
    server: Sequence[Path] = (),
    failed: Sequence[Path] = (),
    external: Sequence[Path] = (),
) -> None:
    """Write one CSV row for every inference variant that the plan of each run asks for. Scores are points, 0..100.

    A variant that was not evaluated yet has no scores, and the status "not evaluated". `ground_truth` says what a row
    was scored on, `videos` on how many. Then come the runs that `failed` somewhere: what of them has no scores has the
    status "failed" and the error. Then `external` results, each a seed's folder: of their trainings nothing is told.
    Rows of the files `server` follow, where `ground_truth` says "server".
    Raises UserError naming a record, plan, metrics or server file that is missing, not readable or incomplete.
    """
    ours = [row for folder in run_dirs for row in run_rows(folder)]
    of_others = [external_row(folder) for folder in external]
    rows = [*ours, *(row for folder in failed for row in failed_rows(folder)), *of_others, *server_rows(server)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"videos": "Int64"})
    write_text(out, csv_text(frame, float_format="%.4f"))


def run_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of one run, in the order of its plan."""
    record = read_record(TrainingRecord, folder / TRAINING_FILE)
    common = record.model_dump(include=set(COLUMNS)) | identity(record.config, folder / TRAINING_FILE)
    common["directory"] = folder.as_posix()
    plan = load(PredictConfig, folder / "inference.yaml")
    return [common | {"inference": name} | _scores(folder, name, record.status) for name in plan.variants]


def failed_rows(folder: Path) -> list[dict[str, Any]]:
    """As `run_rows`, of a run that ended without some or all of its results."""
    plan = load(PredictConfig, folder / "inference.yaml")
    if (folder / TRAINING_FILE).exists():
        rows = run_rows(folder)
    else:
        config = failed_config(folder).model_dump(mode="json")
        common = identity(config, folder / "config.yaml") | {"directory": folder.as_posix(), "status": "failed"}
        rows = [{**common, "inference": name} for name in plan.variants]
    stand = scores_stand(folder)
    return [row if stand and row["status"] == "finished" else _failed(row, folder) for row in rows]


def external_row(folder: Path) -> dict[str, Any]:
    """The row of one seed of an external result in one tier. Raises UserError when its configuration is not there."""
    config = load(ExternalConfig, folder / EXTERNAL_FILE).model_dump(mode="json")
    known = identity(config, folder / EXTERNAL_FILE) | {"weights_from": EXTERNAL, "directory": folder.as_posix()}
    log = folder / "logs" / "evaluate.log"
    found = {"status": "finished"} | _scores(folder, SCORED, "finished")
    if found["status"] == "not evaluated" and log.exists():
        found = {"status": "failed", "error": last_error(log)}
    return known | {"inference": SCORED} | found


def _failed(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    kept = {name: value for name, value in row.items() if name not in (*SCORES, "videos")}
    return {**kept, "status": "failed", "error": failure_of(folder, row["inference"])}


def identity(config: dict[str, Any], path: Path) -> dict[str, Any]:
    """The words that name a run, and what it is scored on. Raises UserError naming the record and what it lacks."""
    missing = [key for key in IDENTITY if key not in config]
    if missing:
        raise UserError(f"{path}: config lacks '{missing[0]}'; run `vita train` again")
    wrong = [key for key in IDENTITY if key != "dataset" and not isinstance(config[key], int if key == "seed" else str)]
    if wrong:
        raise UserError(f"{path}: config.{wrong[0]} is {config[wrong[0]]!r}, which names no run; train again")
    dataset = parse(DatasetConfig, config["dataset"], f"{path}: config.dataset")
    return {key: config[key] for key in IDENTITY} | {"dataset": dataset.name, "ground_truth": dataset.ground_truth}


def _scores(folder: Path, inference: str, status: str) -> dict[str, Any]:
    path = folder / "metrics" / f"{inference}.json"
    if not path.exists():
        return {"status": "not evaluated" if status == "finished" else status}
    metrics = read_record(MetricsRecord, path)
    fractions = {name: metrics.scores.get(name.lower()) for name in SCORES}
    points = {name: None if fraction is None else 100 * fraction for name, fraction in fractions.items()}
    return {"videos": metrics.num_videos, **points}
