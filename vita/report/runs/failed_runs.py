"""What a run that ended without its result left behind, and why it did."""

from __future__ import annotations

import re
from pathlib import Path

from vita.core.config_base import load
from vita.core.files import read_text
from vita.core.records import PREDICTION_FILE, TRAINING_FILE, RunOutcome, read_record_if_there
from vita.core.run_config import RunConfig

UNTOLD = "ended without an error message (killed?)"


def failed_config(folder: Path) -> RunConfig:
    """The configuration of a run without a record. Raises UserError when that is missing or malformed too."""
    return load(RunConfig, folder / "config.yaml")


def scores_stand(folder: Path) -> bool:
    """Whether the predictions that were scored, and what the run starts from, are still there.

    A job that fails takes away what it made before, but not what was made of that.
    """
    return _failed_before(folder) is None and (folder / PREDICTION_FILE).exists()


def failure_of(folder: Path, inference: str | None = None) -> str:
    """The error's text, on one line: of training, of prediction, or of scoring one inference variant."""
    before = _failed_before(folder)
    if before is not None:
        return f"not started: {before.as_posix()} failed"
    if not (folder / TRAINING_FILE).exists():
        return _training_failure(folder)
    if not (folder / PREDICTION_FILE).exists():
        return last_error(folder / "logs" / "predict.log")
    return last_error(folder / "logs" / f"evaluate_{inference}.log")


def _failed_before(folder: Path) -> Path | None:
    """The folder of the run that it starts from, if that has no weights."""
    start = failed_config(folder).start_from
    return Path(start).parent if start and not Path(start).exists() else None


def _training_failure(folder: Path) -> str:
    told = read_record_if_there(RunOutcome, folder / "work" / TRAINING_FILE)
    if told is not None:
        return " ".join(told.error.split()) if told.error else UNTOLD
    logs = [folder / "logs" / f"{task}.log" for task in ("train", "convert")]
    return last_error(next((log for log in logs if log.exists()), logs[0]))


def last_error(log: Path) -> str:
    """The last line of a log, if it tells of an error."""
    lines = read_text(log).replace("\r", "\n").strip().splitlines() if log.exists() else []
    last = lines[-1].strip() if lines else ""
    return last.removeprefix("error: ") if re.match(r"error: |[\w.]*(Error|Exception|Interrupt)\b", last) else UNTOLD
