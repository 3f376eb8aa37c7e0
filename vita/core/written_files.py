"""What a run left, held against the digests in its records: a file that was cut off or changed since is told."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import Field

from vita.core.contract import UserError
from vita.core.files import sha256
from vita.core.records import PREDICTION_FILE, TRAINING_FILE, Record, read_record_if_there


class _Digests(Record):
    """The part of a record that is read here."""

    files_sha256: dict[str, str] = Field({})


def digests(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 by place below a run's folder; of files elsewhere a record says nothing."""
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files if path.is_relative_to(folder)}


def check_as_written(path: Path) -> None:
    """Raises UserError where a record of the run that left `path` has another SHA-256 for it.

    A file without such a record, of other programs say, passes.
    """
    for folder in (path.parent, path.parent.parent):
        name = path.relative_to(folder).as_posix()
        for record in (folder / TRAINING_FILE, folder / PREDICTION_FILE):
            written = _recorded(record).get(name)
            if written is not None and path.is_file() and sha256(path) != written:
                raise UserError(
                    f"{path}: not as it was written: cut off, or changed ({record} has another SHA-256); "
                    + _way_out(folder, path, written)
                )


def _recorded(record: Path) -> dict[str, str]:
    """Digests by place; none where there is no such record, or somebody else's file of that name."""
    try:
        found = read_record_if_there(_Digests, record)
    except UserError:
        return {}
    return found.files_sha256 if found else {}


def _way_out(folder: Path, path: Path, written: str) -> str:
    kept = [folder / "work" / place / path.name for place in ("finished", "predicted")]
    whole = next((copy for copy in kept if copy.is_file() and sha256(copy) == written), None)
    if whole is not None:
        return f"{whole} is as it was written, copy it here"
    # A workflow makes a folder of predictions as a whole.
    what = f"the folder {path.parent}" if path.parent.name == "predictions" else "it"
    return f"deleting {what} is safe, the same command makes it anew"
