"""A run as its folder tells it: names, records, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vita.core.contract import UserError
from vita.core.records import (
    PREDICTION_FILE,
    TRAINING_FILE,
    MetricsRecord,
    PredictionRecord,
    TrainingRecord,
    read_record,
    read_record_if_there,
)
from vita.experiments import failures
from vita.report.pages.places import DEPTH, run_words
from vita.report.runs.failed_runs import UNTOLD, failed_config, failure_of
from vita.report.runs.tidy_rows import IDENTITY, identity

State = Literal["finished", "failed", "unfinished"]


@dataclass(frozen=True)
class RunFolder:
    """A run and its two records; a record is None where that step left none. error: of a run that failed."""

    folder: Path
    names: dict[str, str]
    trained: TrainingRecord | None
    predicted: PredictionRecord | None
    error: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Tier, data set, method, backbone, variant and seed: what its folder is called."""
        return *(self.names[name] for name in IDENTITY[:-1]), f"seed{self.names['seed']}"

    @property
    def title(self) -> str:
        """Its words without the tier."""
        return " ".join(self.words[1:])

    @property
    def state(self) -> State:
        """Unfinished: it was interrupted or killed, is under way, or was never begun."""
        if self.error:
            return "failed"
        asked = (self.folder / "inference.yaml").exists()
        return "unfinished" if self.trained is None or (asked and self.predicted is None) else "finished"

    def config(self) -> dict[str, Any]:
        """As it ran; of a run without a record, as it was to be. Raises UserError where neither is readable."""
        return self.trained.config if self.trained else failed_config(self.folder).model_dump(mode="json")

    def metrics(self) -> dict[str, MetricsRecord]:
        """Scores by inference variant. Raises UserError naming a file that is damaged."""
        files = sorted((self.folder / "metrics").glob("*.json"))
        return {file.stem: read_record(MetricsRecord, file) for file in files}


@dataclass(frozen=True)
class _Place:
    """A run as `failures` asks for it."""

    directory: str
    starts_from: _Place | None


def run_folders(root: Path) -> Iterator[Path]:
    """Folders of runs below a folder of results, by name."""
    depth = "/".join("*" * (DEPTH - 1))
    return (path.parent for path in sorted(root.glob(f"runs/{depth}/seed*/config.yaml")) if run_words(path.parent))


def read_run_folder(folder: Path) -> RunFolder:
    """Raises UserError naming a record or configuration that is missing or damaged."""
    trained = read_record_if_there(TrainingRecord, folder / TRAINING_FILE)
    predicted = read_record_if_there(PredictionRecord, folder / PREDICTION_FILE)
    config = trained.config if trained else failed_config(folder).model_dump(mode="json")
    found = identity(config, folder / (TRAINING_FILE if trained else "config.yaml"))
    names = {name: str(found[name]) for name in IDENTITY}
    return RunFolder(folder, names, trained, predicted, _error(folder))


def _error(folder: Path) -> str:
    """Of the step that ended badly; "" where none did."""
    unscored = _unscored(folder)
    if not failures.prediction_failed(_place(folder)) and unscored is None:
        return ""
    told = failure_of(folder, unscored)
    return "" if told == UNTOLD else told  # nothing tells a killed job from one that is still at work


def _place(folder: Path, seen: frozenset[Path] = frozenset()) -> _Place:
    """What a run starts from, and that in turn; a damaged configuration may name what it is in itself."""
    try:
        start = failed_config(folder).start_from
    except UserError:  # its record has a copy of the configuration
        start = None
    before = Path(start).parent if start and run_words(start) and Path(start).parent not in seen | {folder} else None
    return _Place(folder.as_posix(), _place(before, seen | {before}) if before else None)


def _unscored(folder: Path) -> str | None:
    """The first inference variant whose scoring left a log and no scores."""
    tried = sorted(path.stem.removeprefix("evaluate_") for path in (folder / "logs").glob("evaluate_*.log"))
    return next((name for name in tried if not (folder / "metrics" / f"{name}.json").exists()), None)
