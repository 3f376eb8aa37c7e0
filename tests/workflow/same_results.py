"""Whether two working folders hold the same files, byte for byte but for what clocks and interruptions tell."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vita.core.watcher import EVENTS

# What differs between two undisturbed runs, too: clock times and memory in records, and digests of files that have
# them; and where a training was taken up again.
KEYS = {"started_at", "ended_at", "train_time_s", "predict_time_s", "peak_host_memory_bytes", "resumed_at"}
COLUMNS = {"seconds", "train_time_s"}  # of tidy rows and histories
OF_CLOCKS = "history.csv"
# Snakemake's own, besides what it remembers of finished jobs.
NOT_LEFT = ("locks/*", "incomplete/*", "shadow/*", "shell_tmp.*", "tmp*")


def differences(expected: Path, found: Path) -> Iterator[str]:
    """In words: files that are missing or too many, and those with other content."""
    ours, theirs = files(expected), files(found)
    yield from (f"missing: {name}" for name in sorted(ours - theirs))
    yield from (f"stray: {name}" for name in sorted(theirs - ours))
    for name in sorted(ours & theirs):
        if content(expected / name) != content(found / name):
            yield f"other content: {name}"


def files(folder: Path) -> set[str]:
    """All files but Snakemake's own and events, which hold times; those of processes killed in mid-writing too."""
    paths = (path for part in ("results", "tmp") for path in (folder / part).rglob("*"))
    return {str(path.relative_to(folder)) for path in paths if not path.is_dir() and EVENTS not in path.parts}


def leavings(folder: Path) -> list[str]:
    """Snakemake's locks and marks of unfinished jobs."""
    paths = (path for pattern in NOT_LEFT for path in (folder / ".snakemake").glob(pattern))
    return [f"left: {path.relative_to(folder)}" for path in sorted(paths) if path.name != "migration_underway"]


def content(path: Path) -> Any:
    """What must be equal of a file."""
    if path.suffix in (".log", ".tsv") or path.name == "lock":
        return None  # what jobs said, and how long they took
    if path.name in ("record.json", "predict_record.json"):
        return _without_clocks(json.loads(path.read_text()))
    if path.name in ("history.csv", "runs.csv", "all_runs.csv"):
        with path.open(newline="") as handle:
            return [{key: value for key, value in row.items() if key not in COLUMNS} for row in csv.DictReader(handle)]
    return hashlib.sha256(path.read_bytes()).digest()


def _without_clocks(record: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in record.items() if key not in KEYS}
    digests = kept.get("files_sha256", {})
    return kept | {"files_sha256": {name: value for name, value in digests.items() if name != OF_CLOCKS}}
