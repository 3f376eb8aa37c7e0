"""What a scheduler is asked for, for trainings that take longer than one job may: minutes, and how often they go on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from vita.experiments.planning.costs import read_costs
from vita.experiments.planning.estimate import Estimator
from vita.experiments.planning.plan import Planner
from vita.experiments.run_table import RunTable

MARGIN = 1.5  # times the planned hours: a plan is no measurement
AT_LEAST = 30  # minutes, with start-up and the reading of data
SPARE = 2  # times that a training goes on after something else cut it off


def training_minutes(table: RunTable, root: Path) -> dict[str, float]:
    """By folder, 1.5 times the plan of every training of a tier; what cannot be planned is left out.

    root: where results/ lies.
    """
    plan = Planner(table, Estimator(read_costs()), root).plan()
    hours = {line.run: line.hours for line in plan.lines if line.stage in ("pre-training", "training")}
    return {run: max(AT_LEAST, MARGIN * 60 * found) for run, found in hours.items() if found is not None}


def minutes_of_job(planned: Mapping[str, float], run: str, longest: int) -> int:
    """The smaller of what a training is planned to take and the longest job."""
    return math.ceil(min(planned.get(run, longest), longest))


def restarts(planned: Mapping[str, float], longest: int) -> int:
    """How often a training must go on in another job, for the longest one of a tier, and some times to spare."""
    most = max(planned.values(), default=0.0)
    return max(0, math.ceil(most / longest) - 1) + SPARE
