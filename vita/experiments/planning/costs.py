"""The table of measured costs: a row for every kind of run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from vita.core.csv_table import csv_text, read_csv
from vita.core.files import write_text
from vita.core.grouping import grouped
from vita.experiments.planning.run_kinds import Kind

TABLE = Path(__file__).parent / "costs.csv"

Source = Literal["measured here", "measured before", "assumed"]
Unit = Literal["iteration", "frame", "scored_frame"]
UNKNOWN = float("nan")


@dataclass(frozen=True)
class Cost(Kind):
    """What runs of one kind took, NaN for what is not known.

    Seconds are of one core or one GPU, with all that a job does: start-up, reading of data, validation. Work is of the
    network alone, as `vita.experiments.planning.flops` counts it.
    """

    seconds_per_iteration: float
    seconds_per_frame: float  # of prediction, under all inference variants
    seconds_per_scored_frame: float  # of scoring one inference variant, on a core
    gflop_per_iteration: float
    gflop_per_frame: float
    weights_bytes: float
    bytes_per_frame: float  # in one of the files of predictions
    source: Source

    def seconds(self, unit: Unit) -> float:
        """Seconds that one unit of this kind took: an iteration, a predicted frame or a scored one."""
        return float(getattr(self, f"seconds_per_{unit}"))


COLUMNS = [field.name for field in fields(Cost)]
IDENTITY = [field.name for field in fields(Kind)]
NUMBERS = [name for name in COLUMNS if name not in (*IDENTITY, "source")]


def read_costs(path: Path = TABLE) -> list[Cost]:
    """The table's rows. Raises UserError naming a missing column or a bad cell."""
    frame = read_csv(path, "table of costs", "vita plan --write-costs", COLUMNS, dict.fromkeys(NUMBERS, float))
    return [Cost(**{str(name): value for name, value in row.items()}) for row in frame[COLUMNS].to_dict("records")]


def write_costs(costs: Iterable[Cost], path: Path) -> None:
    """Write the table as CSV. What was measured here will have been measured before."""
    remembered: Source = "measured before"
    rows = [asdict(replace(cost, source=remembered) if cost.source == "measured here" else cost) for cost in costs]
    write_text(path, csv_text(pd.DataFrame(rows, columns=COLUMNS), float_format="%.6g"))


def merged(newer: Sequence[Cost], older: Sequence[Cost]) -> list[Cost]:
    """The mean of each training in `newer`, what it does not know filled in from `older`; the rest of `older` follows.

    Costs of one training under other inference variants than now do not stay.
    """
    now, before = grouped(newer, _training), grouped(older, _training)
    rest = [cost for cost in older if _training(cost) not in now]
    return [*(_mean(costs, before.get(key, ())) for key, costs in now.items()), *rest]


def _training(cost: Cost) -> tuple[str, ...]:
    return cost.tier, cost.method, cost.backbone, cost.variant, cost.device


def _mean(costs: Sequence[Cost], before: Sequence[Cost]) -> Cost:
    """The mean of what is known; the identity is that of the last."""
    now, then = (
        pd.DataFrame([asdict(cost) for cost in some], columns=COLUMNS)[NUMBERS].mean() for some in (costs, before)
    )
    whole: dict[str, Any] = asdict(costs[-1]) | {str(name): float(value) for name, value in now.fillna(then).items()}
    return Cost(**whole)
