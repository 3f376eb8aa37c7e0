"""The course of a training run: losses and rate every few steps, validation AP where it was measured."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from vita.core.contract import Losses, UserError
from vita.core.files import atomic_write

LONGEST_ROW = 20  # steps averaged in one row
FEWEST_ROWS = 10  # of a training that has as many steps
VALIDATION = "validation_AP"  # the column of scores on validation videos, 0..100


def steps_of_row(iterations: int) -> int:
    """Steps that one row averages: 20, or fewer where a training is too short to have ten such rows."""
    return min(LONGEST_ROW, max(1, iterations // FEWEST_ROWS))


@dataclass
class History:
    """Rows so far and the sums of the row in the making: all of it plain, so that a checkpoint can hold its `vars`."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0

    def add(self, losses: Mapping[str, float]) -> None:
        """Add the unweighted losses of one step, and their weighted total."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def close_row(self, step: int, rate: float, seconds: float) -> dict[str, float]:
        """Average the open row; `step` counts finished steps, `seconds` the time spent in them."""
        means = {name: value / self.count for name, value in self.sums.items()}
        self.rows.append({"step": step, "seconds": round(seconds, 3), "learning_rate": rate, **means})
        self.sums, self.count = {}, 0
        return means

    def note_validation(self, step: int, ap: float) -> None:
        """AP (0..100) on the validation videos after `step` steps: on the last row, or on one of its own."""
        if not self.rows or self.rows[-1]["step"] != step:
            self.rows.append({"step": step})
        self.rows[-1][VALIDATION] = ap

    def closed(self, step: int, rate: float, seconds: float) -> History:
        """A copy with the open row averaged, where there is one; arguments as of `close_row`."""
        copy = History([dict(row) for row in self.rows], dict(self.sums), self.count)
        if copy.count:
            copy.close_row(step, rate, seconds)
        return copy

    def write(self, path: Path) -> None:
        """Write the rows as CSV; the columns are the union over rows, in order of appearance."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def values_of(passes: Sequence[Losses]) -> dict[str, float]:
    """Unweighted losses and their weighted total, summed over the passes of a process, as numbers."""
    names = [*(term.name for term in passes[0].terms), "total"]
    rows = [[*(term.value.detach().float() for term in one.terms), one.total.detach().float()] for one in passes]
    scalars = torch.stack([torch.stack(row) for row in rows]).sum(0)
    return dict(zip(names, scalars.tolist(), strict=True))  # one wait for the device, not one a term


def checked_sum(shares: Sequence[Mapping[str, float]], step: int) -> dict[str, float]:
    """Losses of all processes together. Raises UserError naming the step and the first term that is not finite."""
    values = {name: sum(share[name] for share in shares) for name in shares[0]}
    for name, value in values.items():
        if value - value != 0.0:  # true of NaN and of infinities alone
            raise UserError(
                f"step {step}: loss '{name}' is {value}; training stopped, the last good checkpoint is kept. "
                "Lower train.learning_rate or train.gradient_clip_norm, or check the data."
            )
    return values
