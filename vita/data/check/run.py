"""The command `vita data check`: checks, reports and the exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from vita.data.check.check import check
from vita.data.check.report import as_text, count, to_json, verdict
from vita.data.check.subject import Subject
from vita.files import write_json


def check_data(
    name: str | None, subjects: Sequence[Subject], *, quick: bool, strict: bool, workers: int | None, out: Path | None
) -> int:
    """Check the files, print a report of each and a verdict, and write all findings to `out`.

    Returns the exit code: 1 with errors, with `strict` also with warnings; else 0. Raises UserError when a file cannot
    be read or `out` not be written.
    """
    reports = []
    for subject in subjects:
        reports.append(check(subject, quick, workers or _cores()))
        sys.stdout.write(as_text(reports[-1]) + "\n")
    if out is not None:
        write_json(out, to_json(reports, name), indent=1)
    sys.stdout.write(verdict(reports) + "\n")
    return int(count(reports, "error") > 0 or (strict and count(reports, "warning") > 0))


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
