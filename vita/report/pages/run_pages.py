"""Pages of the report about the runs themselves: what ran and how it ended, on what, and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.contract import UserError
from vita.core.files import write_text
from vita.core.records import (
    PREDICTION_FILE,
    TRAINING_FILE,
    MetricsRecord,
    PredictionRecord,
    RunRecord,
    TrainingRecord,
    read_record_if_there,
)
from vita.report.pages.cost_page import cost_page
from vita.report.pages.external_section import external_section
from vita.report.pages.html import heading, note, page, table
from vita.report.runs.failed_runs import failed_config, failure_of
from vita.report.runs.tidy_rows import IDENTITY, identity

MEBIBYTE = 2**20


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
        """Its place in the run table."""
        return *(self.names[name] for name in IDENTITY[1:-1]), f"seed{self.names['seed']}"

    @property
    def root(self) -> Path | None:
        """Below which its words are its folder; None for a run that was put elsewhere."""
        depth = len(self.words)
        return self.folder.parents[depth - 1] if self.folder.parts[-depth:] == self.words else None

    @property
    def title(self) -> str:
        """Its words, with its folder where they do not tell it."""
        return " ".join(self.words) + ("" if self.root else f" ({self.folder.as_posix()})")


def write_run_pages(runs: Sequence[Path], failed: Sequence[Path], out: Path, external: Sequence[Path] = ()) -> None:
    """Write `out` (runs.html), and environment.html and cost.html beside it. external: folders of external results.

    Raises UserError naming a record that is missing or unreadable.
    """
    folders = [_read(folder) for folder in runs] + [_read_failed(folder) for folder in failed]
    write_text(out, runs_page(folders, external))
    write_text(out.with_name("environment.html"), environment_page(folders))
    write_text(out.with_name("cost.html"), cost_page([*runs, *failed]))


def runs_page(folders: Sequence[RunFolder], external: Sequence[Path] = ()) -> str:
    """One row a run; errors in full below, and external results."""
    headers = [
        "run",
        "status",
        "weights",
        "iterations",
        "resumed at",
        "device",
        "training [min]",
        "prediction [s]",
        "frames",
    ]
    headers += ["peak host [MiB]", "peak device [MiB]", "AP of `intact`"]
    headers += ["source", "configuration", "weights (SHA-256)"]
    rows = [_run_row(folder) for folder in folders]
    classes = ["failed" if folder.error else "" for folder in folders]
    failures = [f"{folder.title}: {folder.error}" for folder in folders if folder.error]
    told = [heading("Errors"), *map(note, failures)] if failures else []
    done = sum(not folder.error for folder in folders)
    roots = ", ".join(dict.fromkeys(folder.root.as_posix() for folder in folders if folder.root))
    times = "Times are of the steps themselves, without start-up."
    where = f" The words of a run, joined by /, are its folder in {roots}." if roots else ""
    summary = note(f"{done} of {len(folders)} runs finished. {times}{where}")
    return page("Runs", summary, table(headers, rows, classes), *told, *external_section(external))


def environment_page(folders: Sequence[RunFolder]) -> str:
    """What the runs ran on, each value with the number of records that have it."""
    told = [
        _environment(folder, record) for folder in folders for record in (folder.trained, folder.predicted) if record
    ]
    names = [*dict.fromkeys(name for one in told for name in one)]
    rows = [[name, *value] for name in names for value in _counted(one.get(name) for one in told)]
    differ = [name for name in names if sum(row[0] == name for row in rows) > 1]
    text = f"Runs differ in: {', '.join(differ)}." if differ else "All runs are alike in all of this."
    return page("Environment", note(text), table(["", "value", "records"], rows))


def _environment(folder: RunFolder, record: RunRecord) -> dict[str, Any]:
    own, _, of_method = record.source_digest.partition("+")
    method = {f"source of {folder.names['method']}": of_method} if of_method else {}
    machine = record.model_dump(include={"python", "machine", "device", "processes", "threads"})
    return {**machine, "source": own, **dict(sorted(record.versions.items())), **method}


def _read(folder: Path) -> RunFolder:
    trained, predicted = _records(folder)
    if trained is None:
        raise UserError(f"{folder / TRAINING_FILE}: no such file; `vita train` writes it")
    return RunFolder(folder, _names(trained.config, folder / TRAINING_FILE), trained, predicted)


def _read_failed(folder: Path) -> RunFolder:
    names = _names(failed_config(folder).model_dump(mode="json"), folder / "config.yaml")
    return RunFolder(folder, names, *_records(folder), failure_of(folder, _unscored(folder)))


def _unscored(folder: Path) -> str | None:
    """The first inference variant whose scoring left a log and no scores."""
    tried = sorted(path.stem.removeprefix("evaluate_") for path in (folder / "logs").glob("evaluate_*.log"))
    return next((name for name in tried if not (folder / "metrics" / f"{name}.json").exists()), None)


def _records(folder: Path) -> tuple[TrainingRecord | None, PredictionRecord | None]:
    trained = read_record_if_there(TrainingRecord, folder / TRAINING_FILE)
    return trained, read_record_if_there(PredictionRecord, folder / PREDICTION_FILE)


def _names(config: dict[str, Any], path: Path) -> dict[str, str]:
    found = identity(config, path)
    return {name: str(found[name]) for name in IDENTITY}


def _run_row(folder: RunFolder) -> list[str]:
    trained, predicted = folder.trained, folder.predicted
    metrics = read_record_if_there(MetricsRecord, folder.folder / "metrics" / "intact.json")
    ap = metrics.scores.get("ap") if metrics else None
    return [
        folder.title,
        "failed" if folder.error else "finished",
        trained.weights_from if trained else "",
        str(trained.iterations) if trained else "",
        ", ".join(map(str, trained.resumed_at)) if trained else "",
        trained.device if trained else "",
        f"{trained.train_time_s / 60:.1f}" if trained else "",
        f"{predicted.predict_time_s:.1f}" if predicted else "",
        str(predicted.frames) if predicted else "",
        _mebibytes(trained.peak_host_memory_bytes if trained else 0),
        _mebibytes(trained.peak_device_memory_bytes if trained else 0),
        "" if ap is None else f"{100 * ap:.1f}",
        trained.source_digest.replace("+", " +") if trained else "",  # a place to break the line
        trained.config_digest if trained else "",
        (trained.weights_sha256 or "")[:12] if trained else "",
    ]


def _mebibytes(size: int) -> str:
    return f"{size / MEBIBYTE:.0f}" if size else ""


def _counted(values: Iterable[Any]) -> list[list[str]]:
    counted = pd.Series([str(value) for value in values if value is not None], dtype=str).value_counts()
    return [[str(value), str(count)] for value, count in counted.sort_index().items()]
