"""All recordings below one folder: each method's own, and those that belong to none."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from vita.contract import Check, UserError
from vita.engine.methods import find_method, installed_methods

Suite = Callable[[Path], Iterator[Check]]
FULL_SIZE = "fullsize"


@dataclass
class Report:
    """What was found so far."""

    checks: list[Check] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether any group failed."""
        return any(check.passed is False for check in self.checks)

    def summary(self) -> str:
        """One line."""
        outcomes = [check.passed for check in self.checks]
        parts = [f"{outcomes.count(True)} groups passed", f"{outcomes.count(False)} failed"]
        if None in outcomes:
            parts.append(f"{outcomes.count(None)} not compared")
        return ", ".join(parts) + (f"; absent: {', '.join(self.absent)}" if self.absent else "")

    def rows(self) -> list[dict[str, object]]:
        """For a table: one row a group."""
        return [asdict(check) for check in self.checks]


def line(check: Check) -> str:
    """One line of a report."""
    if check.passed is None:
        return f"  --  {check.group}"
    outcome = "pass" if check.passed else "FAIL"
    figures = f"error {check.error:.1e}  largest {check.largest:.1e}  tolerance {check.tolerance:.1e}"
    return f"{outcome}  {check.group:<62} {figures}"


def run(root: Path, full_size: bool, report: Report, show: Callable[[str], None]) -> None:
    """Check everything below `root` into `report`, and show a line for each group as it is found.

    Raises UserError when the folder, or a recording in it, is malformed.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; it should hold recordings such as {', '.join(suites(root))}")
    chosen = {name: suite for name, suite in suites(root).items() if full_size or name != FULL_SIZE}
    if not any((root / name).is_dir() for name in chosen):
        raise UserError(f"{root}: holds no recordings; looked for the folders {', '.join(chosen)}")
    for name, suite in chosen.items():
        if not (root / name).is_dir():
            report.absent.append(name)
            show(f"absent {name}")
            continue
        for check in _checked(suite, root / name):
            report.checks.append(check)
            show(line(check))


def _checked(suite: Suite, folder: Path) -> Iterator[Check]:
    """The suite's checks. An existing folder of which nothing was compared is malformed."""
    compared = 0
    for check in suite(folder):
        compared += check.passed is not None
        yield check
    if not compared:
        raise UserError(f"{folder}: holds nothing that can be compared")


def suites(root: Path) -> dict[str, Suite]:
    """Who checks which folder of recordings; the slow full-size models come last."""
    from vita.conformance import augmentation, backbones, evaluator

    own: dict[str, Suite] = {}
    for name in installed_methods():
        official = find_method(name).official
        if official is not None:
            own[name] = official.checks
    return own | {
        "backbones": backbones.checks,
        "evaluator": evaluator.checks,
        "augmentation": augmentation.checks,
        FULL_SIZE: full_size_checks,
    }


def full_size_checks(folder: Path) -> Iterator[Check]:
    """Every method's full-size recordings; those of no installed method are named."""
    seen: set[str] = set()
    for name in installed_methods():
        official = find_method(name).official
        for check in official.full_size_checks(folder) if official else ():
            seen.add(check.group.partition(" ")[0])
            yield check
    for path in sorted(folder.glob("*_meta.json")):
        group = f"{folder.name}/{path.stem.removesuffix('_meta')}"
        if group not in seen:
            yield Check(f"{group}: of no installed method", math.nan, math.nan, math.nan, None)
