"""Files of `results/`: server scores, records, histories and tables, and Python's plain readers of them."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
from fuzz_target import JSON_WORDS, Seed, Target, agree, differ, outcome, plain_json
from pydantic import ValidationError
from written_records import metrics_record, prediction_record, training_record

from vita.core.contract import UserError
from vita.core.csv_table import csv_text
from vita.core.plain_text import from_csv_cell
from vita.core.probe_record import ProbeRecord
from vita.core.records import (
    DIGEST,
    FileOrigin,
    ImportRecord,
    MetricsRecord,
    PredictionRecord,
    Record,
    TrainingRecord,
    read_record,
)
from vita.core.run_config import PredictConfig
from vita.evaluation.counts import Counts
from vita.evaluation.scoring import scores_of_counts
from vita.report.figures.curves import read_history
from vita.report.runs.probe_records import read_probes
from vita.report.runs.server_scores import ServerScore, read_server_score
from vita.report.runs.tidy_rows import COLUMNS, NUMBERS, TYPES, collect_runs
from vita.report.tables.inputs import read_runs

PLAIN_ERRORS = (UserError, ValidationError, ValueError, TypeError, RecursionError)
SCORE = {
    **{"tier": "paper", "dataset": "ytvis_2019", "method": "vita", "backbone": "r50", "variant": "base"},
    **{"inference": "intact", "seed": 0, "date": "2025-11-03", "server": "a.server.org", "note": "second try"},
    "scores": {"AP": 49.8, "AP50": 72.6, "AP75": 54.5, "AR1": 49.4, "AR10": 61.0},
}


def server_seeds(folder: Path) -> list[Seed]:
    """A whole file, and one without its note."""
    return [Seed("score.json", json.dumps(one).encode()) for one in (SCORE, {**SCORE, "note": ""})]


def use_server(path: Path) -> None:
    """A score is what pydantic makes of the JSON; its row comes back from the table of runs."""

    def plain() -> ServerScore:
        content = plain_json(path)
        if not isinstance(content, dict):
            raise TypeError("no mapping")
        score = ServerScore.model_validate(content)
        if 0 < score.scores.model_dump()["AP50"] <= 1:
            raise ValueError("no points")
        return score

    score = agree(lambda: read_server_score(path), plain, PLAIN_ERRORS)
    collect_runs([], runs := path.with_name("runs.csv"), [path])
    (row,) = read_runs(runs).to_dict("records")
    wanted = {**score.scored(), **{key: round(value, 4) for key, value in score.scores.model_dump().items()}}
    if {key: row[key] for key in wanted} != wanted:
        differ(f"{row} in the table of runs for {wanted}")


COUNTS = {
    "video_ids": [1, 2],
    "category_ids": [1],
    "groups": [
        {"video_id": 1, "category_id": 1, "ground_truth": 1, "scores": [0.9, 0.5], "outcomes": ["1" * 10, "0i" * 5]},
        {"video_id": 2, "category_id": 1, "ground_truth": 1, "scores": [], "outcomes": []},
    ],
}
DATASET = {"name": "shapes", "root": "data", "valid": {"annotations": "a.json", "frames": "f"}}
CONFIG = {"tier": "t", "method": "vita", "backbone": "tiny", "variant": "base", "seed": 0, "dataset": DATASET}
ORIGIN = {"file": "a.pth", "sha256": "a", "holds": "backbone", "layout": "torchvision", "left_out": ["fc"], "fresh": []}
IMPORT = {
    "origin": {"name": "other", "title": "Other", "backbone": "R50", "source": "a.org"},
    **{"dataset": "shapes", "validate_on": "valid", "ground_truth": "a.json", "videos": {"1": [3, 4, 2]}},
    **{"categories": {"7": "cat"}, "categories_by": "id", "video_id_shift": 0, "imported_at": "now", "version": "1"},
    "files": [
        {
            "seed": 0,
            "file": "a.json",
            "sha256": "a",
            "tracks": 1,
            "empty_videos": [],
            "left_out": {},
            "stored_sha256": "",
        }
    ],
}
PROBE = {
    "key": {"method": "VITA"},
    "case": {"method": "vita", "options": {}, "variant": {}, "height": 360, "width": 640}
    | {"precision": "float32", "attention": "materialised"},
    **{"budget_bytes": 12 * 2**30, "weights_bytes": 9, "predicted_frames": 9, "predicted_frames_low": 8},
    **{"predicted_peak": {}, "curve": [[1, 2]], "status": "predicted", "source_digest": "a", "versions": {}},
    "machine": "m",
}
RECORDS: dict[str, type[Record]] = {
    "record.json": TrainingRecord,
    "predict_record.json": PredictionRecord,
    "intact.json": MetricsRecord,
    "import.json": ImportRecord,
    "start_record.json": FileOrigin,
    "probe.json": ProbeRecord,
}


def record_seeds(folder: Path) -> list[Seed]:
    """One of every kind, of the last both with the digest of its content and without."""
    plan = PredictConfig(variants={"intact": {}}).model_dump(mode="json")
    contents = {
        "record.json": training_record(CONFIG),
        "predict_record.json": prediction_record(plan),
        "intact.json": metrics_record({"ap": 0.5, "ap50": None}, COUNTS, 2),
        "import.json": IMPORT,
        "start_record.json": {**ORIGIN, "converter_digest": "b"},
        "probe.json": [PROBE],
    }
    return [Seed(name, json.dumps(content).encode()) for name, content in contents.items()]


def use_record(path: Path) -> None:
    """A record is what pydantic makes of the JSON; what is computed from its counts needs no other check."""
    kind = RECORDS[path.name]
    if kind is ProbeRecord:
        read_probes([path])
        return

    def plain() -> Record:
        content = plain_json(path)
        if not isinstance(content, dict) or DIGEST in content:
            raise TypeError("no mapping, or a digest that by chance is right")
        return kind.model_validate(content)

    record = agree(lambda: read_record(kind, path), plain, PLAIN_ERRORS)
    if isinstance(record, MetricsRecord):
        counts = Counts.from_json(record.counts)
        scores_of_counts(counts)
        if Counts.from_json(json.loads(json.dumps(counts.to_json()))).to_json() != counts.to_json():
            differ("counts that do not come back")


def history_seeds(folder: Path) -> list[Seed]:
    """With validation, without, and of one row."""
    head = "step,seconds,learning_rate,loss_mask,total,validation_AP\n"
    rows = "".join(f"{20 * n},{n}.5,0.0001,{1 / n},{3 / n},{'' if n % 3 else n}\n" for n in range(1, 9))
    texts = (head + rows, "step,total\n2,3.5\n4,2.5\n", head + "2,0.1,0.1,1e-3,3.5,\n")
    return [Seed("history.csv", text.encode()) for text in texts]


def use_history(path: Path) -> None:
    """Steps and losses are what Python's reader of CSV finds in the same columns."""
    history = read_history(path)
    rows = _plain_rows(path)
    for column in {"step", "total", "validation_AP"} & set(history):
        _same_numbers(history[column].tolist(), [row.get(column) for row in rows], column)


def _plain_rows(path: Path) -> list[dict[str, str]]:
    """By column; lines of white space are no rows."""
    text = path.read_text(encoding="utf-8-sig")  # with one kind of line end, as ours
    csv.field_size_limit(2**30)
    lines = [line for line in csv.reader(StringIO(text)) if "".join(line).strip(" \t") or len(line) > 1]
    if not lines:
        return []
    return [dict(zip(lines[0], line, strict=False)) for line in lines[1:]]


def _same_numbers(found: list[Any], cells: list[str | None], column: str) -> None:
    plain = [None if not cell else _number(cell) for cell in cells]
    ours = [None if pd.isna(value) else float(value) for value in found]
    if ours != plain:
        differ(f"{column}: {ours} for {plain}")


def _number(cell: str) -> float | str:
    refusal, value = outcome(lambda: float(from_csv_cell(cell)), (ValueError,))
    return cell if refusal else value


def table_seeds(folder: Path) -> list[Seed]:
    """The table of runs: finished, failed, of a server; names with commas, quotes, line ends and formulas."""
    rows = [
        {**CONFIG, "dataset": "shapes", "inference": "intact", "status": "finished", "videos": 4, "AP": 58.7321}
        | {"AP50": 70.0, "AR10": 0.0, "iterations": 100, "train_time_s": 12.5, "device": "cpu", "directory": "a/b"},
        {**CONFIG, "dataset": "shapes", "inference": "zero", "seed": 1, "status": "failed", "error": '=1+1, "x"\ny'},
        {**CONFIG, "dataset": "ytvis_2019", "seed": 2, "status": "scored", "ground_truth": "server", "AP": 49.8},
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype({"videos": "Int64"})
    return [Seed("runs.csv", csv_text(some, float_format="%.4f").encode()) for some in (frame, frame[:1], frame[1:])]


def use_table(path: Path) -> None:
    """Cells are what Python's reader of CSV finds; what is written again is read as the same."""
    runs = read_runs(path)
    rows = _plain_rows(path)
    for column in NUMBERS:
        _same_numbers(runs[column].tolist(), [row.get(column) for row in rows], column)
    for column in (name for name, kind in TYPES.items() if kind is str):
        ours = [None if pd.isna(cell) else cell for cell in runs[column].tolist()]
        plain = [from_csv_cell(row[column]) if row.get(column) else None for row in rows]
        if ours != plain:
            differ(f"{column}: {ours} for {plain}")
    again = path.with_name("again.csv")
    again.write_text(csv_text(runs), encoding="utf-8")
    if not read_runs(again).equals(runs):
        differ("a table that does not come back")


CSV_WORDS = tuple(
    b',|"|\n|\r|\r\n|""|\'|=|-|nan|NaN|inf|1e999|1e-400|0x10|1_000|True|NA| |\t|;|\x00|\xff|#|'.split(b"|")
)
SERVER = Target("server scores", server_seeds, use_server, JSON_WORDS, json.loads)
RECORD = Target("records", record_seeds, use_record, JSON_WORDS, json.loads)
HISTORY = Target("histories", history_seeds, use_history, CSV_WORDS)
TABLE = Target("tables", table_seeds, use_table, CSV_WORDS)
