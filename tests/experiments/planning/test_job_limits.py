"""Minutes that a scheduler is asked for, and how often a training goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import smoke

from vita.experiments.planning.job_limits import AT_LEAST, minutes_of_job, restarts, training_minutes


@pytest.mark.parametrize(("planned", "minutes"), [(20.0, 20), (20.2, 21), (1440.0, 1440), (5000.0, 1440)])
def test_a_job_asks_for_the_smaller_of_its_plan_and_the_longest(planned: float, minutes: int) -> None:
    assert minutes_of_job({"run": planned}, "run", longest=1440) == minutes
    assert minutes_of_job({}, "run", longest=1440) == 1440  # nothing is known of it


@pytest.mark.parametrize(
    ("longest_training", "expected"),
    [(100.0, 2), (1440.0, 2), (1441.0, 3), (10 * 1440.0, 11)],  # jobs beyond the first, and two to spare
)
def test_restarts_are_enough_for_the_longest_training(longest_training: float, expected: int) -> None:
    assert restarts({"short": 5.0, "long": longest_training}, longest=1440) == expected
    assert restarts({}, longest=1440) == 2


def test_minutes_are_one_and_a_half_times_the_plan(tmp_path: Path) -> None:
    table = smoke()
    found = training_minutes(table, tmp_path)
    assert found.keys() <= {run.directory for run in table}
    assert len(found) > 3
    assert all(minutes >= AT_LEAST for minutes in found.values())
