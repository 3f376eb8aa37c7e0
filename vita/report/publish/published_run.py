"""A finished run as it is published: its records, its scores, and the rows of tables that show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.csv_table import read_csv
from vita.core.files import sha256
from vita.core.records import TRAINING_FILE, WEIGHTS_FILE, MetricsRecord, TrainingRecord, read_record
from vita.core.run_config import RunConfig
from vita.evaluation.main_scores import SCORES
from vita.report.tables.forms import texts
from vita.report.tables.text import Line


@dataclass(frozen=True)
class ShownIn:
    """Rows of one table that this run is a part of. keys: the columns that name them.  digest: SHA-256 of the file."""

    table: Path
    digest: str
    keys: tuple[str, ...]
    rows: tuple[Line, ...]


@dataclass(frozen=True)
class PublishedRun:
    """metrics: by inference variant, in the order of their names."""

    folder: Path
    record: TrainingRecord
    config: RunConfig
    metrics: dict[str, MetricsRecord]
    shown_in: tuple[ShownIn, ...]

    @property
    def dataset(self) -> str:
        """Its name in a card."""
        return self.config.dataset.title or self.config.dataset.name


def read_published(folder: Path, tables: Sequence[Path]) -> PublishedRun:
    """Read what a run left. Raises UserError when it has no weights or scores, or when a table does not show it."""
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise UserError(f"{weights}: no such file; what is published is a finished run's folder, with its weights")
    record = read_record(TrainingRecord, folder / TRAINING_FILE)
    if record.status != "finished":
        raise UserError(f"{weights}: of a training that is not finished ({record.status}); what is published is")
    if record.weights_sha256 != sha256(weights):
        raise UserError(f"{weights}: not the weights that {TRAINING_FILE} is of (its SHA-256 differs); train again")
    files = sorted((folder / "metrics").glob("*.json"))
    if not files:
        raise UserError(
            f"{folder / 'metrics'}: no scores; evaluate the run's predictions first (`vita evaluate --out`)"
        )
    config = parse(RunConfig, record.config, f"{folder / TRAINING_FILE}: config")
    metrics = {path.stem: read_record(MetricsRecord, path) for path in files}
    return PublishedRun(folder, record, config, metrics, tuple(_shown_in(folder, table) for table in tables))


def _shown_in(folder: Path, table: Path) -> ShownIn:
    frame = read_csv(table, "table", "vita table build", ("source", "evidence", *SCORES))
    place = (folder / "metrics").resolve()
    ours = [
        any(Path(path).resolve().parent == place for path in str(evidence).split()) for evidence in frame["evidence"]
    ]
    if not any(ours):
        raise UserError(f"{table}: no row whose evidence is of {folder}; name tables that show this run")
    keys = tuple(str(name) for name in frame.columns[: frame.columns.get_loc("source")])
    kept = frame[ours].astype({name: "Int64" for name in ("n_seeds", "videos") if name in frame})
    return ShownIn(table, sha256(table), keys, tuple(texts(kept)))
