"""What commands write for each other: records of trainings, predictions and scores, one schema each.

A record is a JSON file. A key that is missing is an error; one that this version does not know is passed over, so that
records of a later version can be read. Units are in the names.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, NonNegativeInt, PositiveInt

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.files import read_json, write_json
from vita.core.plain_text import one_line
from vita.core.run_config import Holds

WEIGHTS_FILE = "model.safetensors"  # in a run's folder, as all of these
HISTORY_FILE = "history.csv"
TRAINING_FILE = "record.json"  # of a training that failed or was interrupted, in its folder work/
TRIAL = "trial"  # the folder in a run's folder where a trial, which took some of its steps alone, leaves these files
PREDICTION_FILE = "predict_record.json"
START_WEIGHTS = "start.safetensors"  # a backbone of others, converted
START_FILE = "start_record.json"  # of a converted backbone, beside the run that starts from it
IMPORT_FILE = "import.json"  # in the folder of an external result
EXTERNAL_RESULTS = "results/external"  # folder of all of them, <data set>/<name>/

# Where weights come from: trained here, a file that somebody else trained, or nowhere (results of other code alone).
Origin = Literal["trained", "file", "external"]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Record(BaseModel):
    """Base of all records."""

    model_config = ConfigDict(extra="ignore", validate_assignment=True)

    def to_json(self) -> dict[str, Any]:
        """Plain values by key, in the order of the class."""
        return self.model_dump(mode="json")


class RunOutcome(Record):
    """How a training or a prediction ended, and of which configuration it was."""

    task: str
    config_digest: str
    status: Literal["running", "finished", "trial", "failed", "interrupted"] = "running"
    error: str | None = None


class RunRecord(RunOutcome):
    """What ran, on what, and how long it took: common to trainings and predictions."""

    config: dict[str, Any]
    seed: int
    source_digest: str  # see `vita.engine.record.source_digest`
    versions: dict[str, str]  # of packages
    python: str
    machine: str
    device: str
    processes: PositiveInt = 1
    threads: PositiveInt = 1
    device_settings: dict[str, bool] = {}  # in force: see `vita.core.run_config.CardConfig`
    peak_host_memory_bytes: NonNegativeInt = 0
    peak_device_memory_bytes: NonNegativeInt = 0
    started_at: str  # UTC, as ended_at
    ended_at: str | None = None
    weights_sha256: str | None = None
    files_sha256: dict[str, str] = {}  # of what else it left, by place below the run's folder


class StartingWeights(Record):
    """The file that a training starts from, and what of the model was not in it, or of the file not in the model."""

    file: str
    sha256: str
    reinitialised: list[str]  # tensors of class heads for another number of classes
    absent_parts: list[str]
    left_out_parts: list[str] = []  # whole parts of another model


class FileOrigin(Record):
    """Somebody else's weights, and what our names made of them. `start_record.json` beside a converted backbone."""

    file: str
    sha256: str
    holds: Holds
    layout: str  # what the file was found to be
    left_out: list[str]  # names in the file that are of no use here
    fresh: list[str]  # of ours, what the file does not hold
    converter_digest: str  # twelve hexadecimal digits over the code that converted


class TrainingRecord(RunRecord):
    """`record.json` of a run: where its weights come from, and how they were made.

    origin: the file, of weights from one, and of a training whose backbone is from one.
    """

    task: Literal["train"] = "train"
    weights_from: Origin = "trained"
    origin: FileOrigin | None = None
    data_digest: str = ""  # see `vita.engine.record.data_digest`
    iterations: NonNegativeInt = 0  # so far, where it was interrupted
    resumed_at: list[int] = []  # iterations at which the training was taken up again
    train_time_s: Seconds = 0.0
    started_from: StartingWeights | None = None


class PredictionRecord(RunRecord):
    """`predict_record.json` of a run: what was predicted with its weights."""

    task: Literal["predict"] = "predict"
    part: str | None = None  # of the data set, whose videos were predicted
    frames: NonNegativeInt = 0
    streamed_videos: int = 0  # predicted that were too long to be kept in memory
    predict_time_s: Seconds = 0.0
    taken_over: list[str] = []  # inference variants that an earlier plan had asked of the same weights


# What people wrote, as one line; "" where they wrote nothing.
Line = Annotated[str, BeforeValidator(lambda text: one_line(str(text))), Field(max_length=300)]
Title = Annotated[str, BeforeValidator(lambda text: one_line(str(text))), Field(min_length=1, max_length=80)]


class ResultsOrigin(Record):
    """Whose results these are, in the words of who imported them.

    name: of the import, which YAML files and folders call it by.  title, backbone: the cells of its rows.
    source: where the code is published.  commit: of that code.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)
    title: Title
    backbone: Title
    citation: Line = ""
    source: Line = ""
    commit: Line = ""


class ImportedFile(Record):
    """One results file, which stands for one training. sha256: of the file as it was given, `member` of an archive.

    empty_videos: ids of the videos to be scored in which nothing was predicted.  left_out: tracks by their category,
    which the data set does not have.
    """

    seed: int
    file: str
    member: str | None = None
    sha256: str
    tracks: int
    empty_videos: list[int]
    left_out: dict[str, int]
    stored_sha256: str  # of predictions/seed<k>.json, the same tracks in the data set's ids


class ImportRecord(Record):
    """`import.json`: results of other code for a data set, and against what they were checked. No training is told of.

    videos: height, width and number of frames of each that the results cover, by id.  categories: names by id.
    categories_by: how the categories of the files were understood.  video_id_shift: added to their video ids.
    """

    task: Literal["import"] = "import"
    weights_from: Literal["external"] = "external"
    origin: ResultsOrigin
    dataset: str
    validate_on: Literal["valid", "local_split"]
    ground_truth: str
    videos: dict[int, tuple[int, int, int]]
    categories: dict[int, str]
    categories_by: str
    video_id_shift: int
    files: list[ImportedFile] = Field(min_length=1)
    imported_at: str  # UTC
    version: str  # of this package


class SparseRecord(Record):
    """A record of which a file holds only what was asked for and found."""

    def to_json(self) -> dict[str, Any]:
        """Plain values by key, in the order of the class, without what was never set."""
        return self.model_dump(mode="json", exclude_unset=True)


class FurtherValue(SparseRecord):
    """A score beyond the main ones, a fraction, null where there is no object; its interval where there is one."""

    score: float | None
    low: float | None = None
    high: float | None = None


class MetricsRecord(SparseRecord):
    """`metrics/<inference>.json`: what one results file scores. Scores are fractions, null where there is no object."""

    scores: dict[str, Fraction | None]
    per_category: list[dict[str, Any]]
    num_videos: NonNegativeInt
    counts: dict[str, Any]  # see `vita.evaluation.counts.Counts.to_json`
    intervals: dict[str, list[float]] = {}
    draws: int = 0  # of the intervals
    seed: int = 0
    against: dict[str, Any] = {}
    breakdown: list[dict[str, Any]] = []
    per_video: list[dict[str, Any]] = []
    errors: dict[str, Any] = {}
    further: dict[str, FurtherValue] = {}  # by the names of `vita.core.further_scores`
    hota: dict[str, Any] = {}
    occlusion: list[dict[str, Any]] = []
    lengths: dict[str, Any] = {}


class ExportedPart(Record):
    """What `vita data export --json` prints, and writes beside the file: where a part of a data set lies for others."""

    dataset: str
    part: str
    mapped_to: str | None  # data set in which all of its objects' categories have a counterpart
    format: Literal["ytvis", "coco"]
    local_split: bool  # whether a list of ids of our own has chosen the videos
    annotations: str  # file
    frames: str  # folder that file names in it are relative to
    videos: int
    categories: dict[int, str]  # by ascending id; a label is a place in this order


Kind = TypeVar("Kind", bound=Record)
DIGEST = "content_sha256"  # the key of a metrics file over all others
DELETE = "delete the file and run the command again that wrote it"


def write_record(path: Path, record: Record) -> None:
    """Write one record atomically; scores with their digest."""
    if isinstance(record, MetricsRecord):
        content = json.loads(json.dumps(record.to_json()))  # as it will be read
        write_json(path, content | {DIGEST: _digest(content)})
    else:
        write_json(path, record.to_json(), indent=1)


def read_record(kind: type[Kind], path: Path) -> Kind:
    """Read one record. Raises UserError, naming the file, when it is missing, not JSON, or lacks a key.

    And when scores are not those that were written.
    """
    try:
        content = read_json(path)
    except UserError as error:
        raise UserError(f"{error}; {DELETE}" if path.exists() else str(error)) from None
    if kind is MetricsRecord and isinstance(content, dict) and DIGEST in content:
        rest = {key: value for key, value in content.items() if key != DIGEST}
        if _digest(rest) != content[DIGEST]:
            raise UserError(f"{path}: changed since it was written, by hand or by a damaged disk; {DELETE}")
    return parse_record(kind, content, str(path))


def read_record_if_there(kind: type[Kind], path: Path) -> Kind | None:
    """Read one record as `read_record` does; None when there is no such file."""
    return read_record(kind, path) if path.exists() else None


def parse_record(kind: type[Kind], content: Any, where: str) -> Kind:
    """A record from plain values; `where` opens messages. Raises UserError when a key is missing or wrong."""
    try:
        return parse(kind, content, where)
    except UserError as error:
        raise UserError(f"{error}; {DELETE}") from None


def _digest(content: dict[str, Any]) -> str:
    """SHA-256 of plain values as a file has them, whatever the order of keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
