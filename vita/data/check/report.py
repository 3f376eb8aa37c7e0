"""The command `vita data check`: reports of checks, for people and for programs, and the exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vita.core.files import write_json
from vita.core.threads import usable_cores
from vita.data.annotations.findings import Finding, Kind, Severity
from vita.data.annotations.reader import printable
from vita.data.check.check import Report, check
from vita.data.check.expectations import CheckTarget, check_categories

OFFENDERS = 3  # of each kind that are printed


def as_text(report: Report) -> str:
    """What was checked, then a table by kind with the first offenders of each."""
    target = report.target
    parts = f"{', '.join(target.parts)}: " if target.parts else ""
    lines = [f"{parts}{target.files.annotations}, frames in {target.files.frames}", f"checked {_amounts(report)}"]
    rows = list(report.findings.by_kind())
    if rows:
        width = max(len(kind.label) for kind, _ in rows)
        lines += ["", f"{'count':>7}  severity  {'kind':{width}}  meaning"]
        lines += [line for kind, found in rows for line in _row(kind, found, width)]
    return "\n".join(lines) + "\n"


def _amounts(report: Report) -> str:
    checked = report.checked
    objects = "no labels" if checked.objects is None else f"{checked.objects:,} objects, {checked.masks:,} masks"
    rate = checked.frames_opened / max(checked.seconds_opening, 1e-3)
    some = "" if checked.frames_decoded == checked.frames_opened else f"{checked.frames_decoded:,} of "
    frames = f"{some}{checked.frames_opened:,} frames opened and decoded ({rate:,.0f} a second)"
    if report.quick:
        frames = f"{checked.frames_listed:,} frames present, of which a sample of {frames}"
    return f"{checked.videos:,} {report.format.videos}, {objects}, {frames}"


def _row(kind: Kind, found: list[Finding], width: int) -> list[str]:
    first = [f"{'':9}{printable(finding.where)}: {printable(finding.detail)}" for finding in found[:OFFENDERS]]
    more = [f"{'':9}... and {len(found) - OFFENDERS:,} more"] if len(found) > OFFENDERS else []
    return [f"{len(found):7,}  {kind.severity:8}  {kind.label:{width}}  {kind.meaning}", *first, *more]


def verdict(reports: Sequence[Report]) -> str:
    """One sentence."""
    errors, warnings = count(reports, "error"), count(reports, "warning")
    sampled = " in what was sampled" if any(report.quick for report in reports) else ""
    if errors:
        return (
            f"{_number(errors, 'error')} and {_number(warnings, 'warning')}: mend the errors before this data is used"
        )
    if warnings:
        return f"no error and {_number(warnings, 'warning')}{sampled}: usable, but see whether the warnings are meant"
    return f"nothing found{sampled}: the data can be used"


def count(reports: Sequence[Report], severity: Severity) -> int:
    """Findings of this severity in all reports."""
    return sum(report.findings.count(severity) for report in reports)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def to_json(reports: Sequence[Report], dataset: str | None) -> dict[str, Any]:
    """All findings, not the first alone. dataset: name in the YAML."""
    return {
        "tool": "vita data check",
        "dataset": dataset,
        "errors": count(reports, "error"),
        "warnings": count(reports, "warning"),
        "verdict": verdict(reports),
        "files": [_file(report) for report in reports],
    }


def _file(report: Report) -> dict[str, Any]:
    target = report.target
    return {
        "parts": list(target.parts),
        "annotations": str(target.files.annotations),
        "frames": str(target.files.frames),
        "quick": report.quick,
        "checked": asdict(report.checked),
        "kinds": {kind.label: len(found) for kind, found in report.findings.by_kind()},
        "findings": [_finding(finding) for finding in report.findings.found],
    }


def _finding(finding: Finding) -> dict[str, str]:
    return {
        "kind": finding.kind.label,
        "severity": finding.kind.severity,
        "where": finding.where,
        "detail": finding.detail,
    }


def check_data(
    name: str | None,
    files: Sequence[CheckTarget],
    *,
    quick: bool,
    strict: bool,
    workers: int | None,
    out: Path | None,
    as_json: bool = False,
) -> int:
    """Check the files, print a report of each and a verdict, or with `as_json` all findings, and write those to `out`.

    Returns the exit code: 1 with errors, with `strict` also with warnings; else 0. Raises UserError when a file cannot
    be read or `out` not be written.
    """
    reports = []
    for target in files:
        reports.append(check(target, quick, workers or usable_cores()))
        first, last = reports[0], reports[-1]
        if last is not first and "train" in first.target.parts:
            check_categories(last.categories, first.categories, last.findings, "that of `train`")
        if not as_json:
            sys.stdout.write(as_text(reports[-1]) + "\n")
    found = to_json(reports, name)
    if out is not None:
        write_json(out, found, indent=1)
    sys.stdout.write(json.dumps(found, indent=2) + "\n" if as_json else verdict(reports) + "\n")
    return int(count(reports, "error") > 0 or (strict and count(reports, "warning") > 0))
