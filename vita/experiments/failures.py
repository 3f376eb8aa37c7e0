"""Which runs failed: their last attempt ended without its result. Read from what they left in their folders.

One that was asked to end, and did so in order, has not failed: it goes on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from vita.core.records import PREDICTION_FILE, TRAINING_FILE
from vita.engine.work_folder import is_held


class Placed(Protocol):
    """A run as far as its failure goes: where its files lie, and what it starts from."""

    @property
    def directory(self) -> str:
        """Its folder."""
        ...

    @property
    def starts_from(self) -> Placed | None:
        """None for a run that starts from nothing."""
        ...


TRACES = (f"work/{TRAINING_FILE}", "logs/train.log", "logs/convert.log", "logs/predict.log")


def training_failed(run: Placed) -> bool:
    """True when training ended without weights, or could not start because that of what it starts from did so."""
    if run.starts_from and training_failed(run.starts_from):
        return True
    folder = Path(run.directory)
    if (folder / TRAINING_FILE).exists():
        return False
    tried = any((folder / trace).exists() for trace in TRACES[:3])
    return tried and not is_held(folder / "work") and not _interrupted(folder / "logs/train.log")


def prediction_failed(run: Placed) -> bool:
    """As `training_failed`, of all that is asked of the weights."""
    if training_failed(run):
        return True
    folder = Path(run.directory)
    log = folder / "logs/predict.log"
    return log.exists() and not (folder / PREDICTION_FILE).exists() and not _interrupted(log)


def _interrupted(log: Path) -> bool:
    """Whether the last line is that of a command that was asked to end."""
    return log.is_file() and log.read_text(encoding="utf-8", errors="replace").rstrip().rpartition("\n")[2].startswith(
        "interrupted "
    )


def evaluation_failed(run: Placed, inference: str) -> bool:
    """As `prediction_failed`, or the scoring of one inference variant ended without scores."""
    if prediction_failed(run):
        return True
    folder = Path(run.directory)
    tried = (folder / f"logs/evaluate_{inference}.log").exists()
    return tried and not (folder / f"metrics/{inference}.json").exists()


def traces(run: Placed) -> list[str]:
    """The files that tell of a failed run's last attempt, and of that of what it starts from."""
    folder = Path(run.directory)
    logs = sorted((folder / "logs").glob("evaluate_*.log"))
    own = [str(path) for path in (*(folder / trace for trace in TRACES), *logs) if path.exists()]
    return [*own, *(traces(run.starts_from) if run.starts_from else [])]
