"""All recordings below one folder: each method's own, and those that belong to none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from vita.core.contract import UserError
from vita.official.conformance import augmentation, backbones, evaluator, optimizer
from vita.official.contract import CPU, Check, not_compared
from vita.official.plugins import recorded_outputs

Suite = Callable[[Path], Iterator[Check]]
FULL_SIZE = "fullsize"
TRAJECTORY = "trajectory_"  # in front of a method's name: its recorded optimiser steps
OPTIMIZER = "optimizer"  # files in the root itself
RATES = "optim_*.json"  # beside the folders
AT_MOST_AGAIN = 2  # groups of a run that are computed again in 64 bits
COLUMNS = ("group", "error", "largest", "tolerance", "passed", "note")


@dataclass
class Report:
    """What was found so far."""

    checks: list[Check] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    again: int = 0  # groups computed again in 64 bits

    def add(self, check: Check) -> Check:
        """Take a check in, settled: where it failed and a look again may say more, and not too many had one."""
        if check.passed is False and check.again is not None and self.again < AT_MOST_AGAIN:
            self.again += 1
            check = check.again()
        self.checks.append(check)
        return check

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
        if self.again:
            parts.append(f"{self.again} computed again in 64 bits")
        return ", ".join(parts) + (f"; absent: {', '.join(self.absent)}" if self.absent else "")

    def rows(self) -> list[dict[str, object]]:
        """For a table: one row a group."""
        return [{column: getattr(check, column) for column in COLUMNS} for check in self.checks]


def line(check: Check) -> str:
    """One line of a report."""
    if check.passed is None:
        return f"  --  {check.group}"
    outcome = "pass" if check.passed else "FAIL"
    figures = f"error {check.error:.1e}  largest {check.largest:.1e}  tolerance {check.tolerance:.1e}"
    return f"{outcome}  {check.group:<62} {figures}" + (f"  {check.note}" if check.note else "")


def run(root: Path, full_size: bool, report: Report, show: Callable[[str], None], device: torch.device = CPU) -> None:
    """Check everything below `root` into `report`, models on `device`, and show a line for each group as it is found.

    Raises UserError when the folder, or a recording in it, is malformed.
    """
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; it should hold recordings such as vita/ or evaluator/")
    chosen = suites(full_size, device)
    present = [name for name in chosen if is_present(root, name)]
    if not present:
        raise UserError(f"{root}: holds no recordings; looked for {', '.join(chosen)}")
    for name, suite in chosen.items():
        if name not in present:
            report.absent.append(name)
            show(f"absent {name}")
            continue
        for check in _checked(suite, root if name == OPTIMIZER else root / name):
            show(line(report.add(check)))


def is_present(root: Path, name: str) -> bool:
    """Whether there is something for a suite."""
    return any(root.glob("optim_*.json")) if name == OPTIMIZER else (root / name).is_dir()


def _checked(suite: Suite, folder: Path) -> Iterator[Check]:
    """The suite's checks. An existing folder of which nothing was compared is malformed."""
    compared = 0
    for check in suite(folder):
        compared += check.passed is not None
        yield check
    if not compared:
        raise UserError(f"{folder}: holds nothing that can be compared")


def suites(full_size: bool, device: torch.device = CPU) -> dict[str, Suite]:
    """Who checks which folder of recordings; models in their released sizes come last, or not at all."""
    methods: dict[str, Suite] = {
        name: partial(recorded.checks, device=device) for name, recorded in recorded_outputs().items()
    }
    trajectories = {f"{TRAJECTORY}{name}": checks for name, checks in methods.items()}
    shared: dict[str, Suite] = {
        "backbones": partial(full_size_backbones if full_size else backbones.checks, device=device),
        "evaluator": evaluator.checks,
        "augmentation": augmentation.checks,
        OPTIMIZER: optimizer.checks,
    }
    released: dict[str, Suite] = {FULL_SIZE: partial(full_size_checks, device=device)} if full_size else {}
    return methods | trajectories | shared | released


def full_size_backbones(folder: Path, device: torch.device = CPU) -> Iterator[Check]:
    """Those with stored weights, and those of the released sizes."""
    return chain(backbones.checks(folder, device), backbones.full_size_checks(folder, device))


def full_size_checks(folder: Path, device: torch.device = CPU) -> Iterator[Check]:
    """Every method's full-size recordings; those of no installed method are named."""
    seen: set[str] = set()
    for recorded in recorded_outputs().values():
        for check in recorded.full_size_checks(folder, device):
            seen.add(check.group.partition(" ")[0])
            yield check
    for path in sorted(folder.glob("*_meta.json")):
        group = f"{folder.name}/{path.stem.removesuffix('_meta')}"
        if group not in seen:
            yield not_compared(f"{group}: of no installed method")
