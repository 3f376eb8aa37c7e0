"""Files appear whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

from vita.core.contract import UserError
from vita.core.locks import try_lock

UNFINISHED = ".part"


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, renamed onto it on success and removed on any error.

    Raises UserError, naming `path`, when the disk is full or the folder cannot be written.
    """
    temporary: Path | None = None
    claim: TextIO | None = None
    try:
        temporary = _beside(path)
        claim = _claimed(temporary)
        yield temporary
        _flush_to_disk(temporary)
        temporary.replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; free space or choose another place"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        if claim is not None:
            claim.close()


def _beside(path: Path) -> Path:
    """An empty file in the same folder, which is made where it is missing, with the permissions of the user's umask."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.{uuid4().hex[:8]}{UNFINISHED}"
    temporary.touch(mode=0o666, exist_ok=False)
    return temporary


def check_writable(path: Path) -> None:
    """Raises UserError when `path` could not be written; what is there stays as it is."""
    try:
        _beside(path).unlink()
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}; choose another place") from None


def _claimed(path: Path) -> TextIO | None:
    """Hold a file as being written, until it is closed or this process ends; None on a file system without locks."""
    handle = path.open("a", encoding="utf-8")
    with suppress(UserError):
        try_lock(handle)
        return handle
    handle.close()
    return None


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left of their files in a folder; what a process is still writing stays."""
    for path in folder.glob(f".*{UNFINISHED}"):
        with suppress(OSError, UserError), path.open("a", encoding="utf-8") as handle:
            if try_lock(handle):
                path.unlink()


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def write_text(path: Path, text: str) -> None:
    """Write `text` atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, indent: int | None = None) -> None:
    """Write `value` as JSON atomically."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8") as handle:
        json.dump(value, handle, indent=indent)
        handle.write("\n")


def is_there(path: Path) -> bool:
    """Whether a path that somebody gave is a file's; one that no file system can have, as too long a name, is not."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_text(path: Path) -> str:
    """The content of a text file. Raises UserError when it cannot be read, ValueError when it is no text."""
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors begin a file with a mark
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise UserError(f"{str(path)!r}: no path: {error}") from None


def read_json(path: Path) -> Any:
    """The content of a JSON file. Raises UserError when it is missing or not JSON."""
    try:
        return json.loads(read_text(path))
    except UserError:
        raise
    except ValueError as error:  # also bytes that are not text, and numbers of thousands of digits
        raise UserError(f"{path}: not valid JSON: {error}") from None
    except RecursionError:
        raise UserError(f"{path}: not valid JSON: too many brackets within brackets") from None


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file. Raises UserError when it cannot be read."""
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
