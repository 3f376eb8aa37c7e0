"""A training that another job finished meanwhile: its files are this one's.

A Snakemake that was killed leaves its jobs on the cluster. The same command asks for the same training again: its job
deletes the outputs that are there before it starts, and finds the training under way or over. So under a workflow the
final files stay in `work/finished` too, as further names of the same files.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vita.core.contract import UserError
from vita.core.files import sha256
from vita.core.progress import say
from vita.core.records import HISTORY_FILE, TRAINING_FILE, WEIGHTS_FILE, TrainingRecord, read_record_if_there

if TYPE_CHECKING:  # its module loads PyTorch, which the workflow, that reads ASKED_AT, need not wait for
    from vita.engine.processes import Processes

# When the command was given that this training is a part of (ISO 8601, with its time zone). The workflow sets it.
ASKED_AT = "VITA_ASKED_AT"
IDENTITY = ("config_digest", "data_digest", "source_digest", "versions")  # of a record
FINAL_FILES = (WEIGHTS_FILE, HISTORY_FILE, TRAINING_FILE)  # in the order in which they appear


def keep_finished(folder: Path) -> None:
    """Under a workflow, keep the final files where it does not delete them. Raises UserError when that fails."""
    if ASKED_AT in os.environ:
        give(folder, folder / "work" / "finished", FINAL_FILES)


def take_finished(folder: Path, wanted: TrainingRecord, weights: Path | None) -> bool:
    """Whether another job finished this training since it was asked for; then its files are in their places.

    wanted: the record of the training that would begin now. weights: that it would start from. What was finished before
    it was asked for is no answer: who asks for a training that is there wants it anew.
    """
    asked = datetime.fromisoformat(os.environ.get(ASKED_AT, wanted.started_at))
    for place in (folder, folder / "work" / "finished"):
        if all((place / name).exists() for name in FINAL_FILES) and _answers(place, wanted, weights, asked):
            if place != folder:
                give(place, folder, FINAL_FILES)
            return True
    return False


def all_take_finished(folder: Path, wanted: TrainingRecord, weights: Path | None, processes: Processes) -> bool:
    """As `take_finished`, the same answer in all processes; the one that holds the folder finds it."""
    answer: bool | UserError = False
    if processes.is_main:
        try:
            answer = take_finished(folder, wanted, weights)
        except UserError as error:
            answer = error
    found = processes.gather(answer)[0]
    if found and processes.is_main:
        say(f"{folder}: another job has finished this training meanwhile; its weights are taken")
    return bool(found)


def _answers(place: Path, wanted: TrainingRecord, weights: Path | None, asked: datetime) -> bool:
    """Whether it was finished in time, and all that the bytes of weights follow from is as wanted."""
    found = read_record_if_there(TrainingRecord, place / TRAINING_FILE)
    if found is None or found.status != "finished" or found.ended_at is None:
        return False
    alike = all(getattr(found, key) == getattr(wanted, key) for key in IDENTITY)
    if not alike or datetime.fromisoformat(found.ended_at) < asked:
        return False
    return (found.started_from and found.started_from.sha256) == (weights and sha256(weights))


def give(source: Path, target: Path, names: Iterable[str]) -> None:
    """Give files of one folder a further name in another. Raises UserError when that cannot be written."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            (target / name).unlink(missing_ok=True)
            try:
                os.link(source / name, target / name)
            except OSError:  # a file system without further names for a file
                shutil.copy2(source / name, target / name)
            os.utime(target / name)  # a workflow takes outputs that are older than its inputs for outdated
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}; free space or choose another place") from None
