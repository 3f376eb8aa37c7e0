"""The compact recordings that the project carries: forward passes, losses and inference of all methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from vita.core.plugins import installed
from vita.official.conformance.run import Report, run
from vita.official.plugins import CONFORMANCE

GOLDEN = Path(__file__).parents[2] / "golden"
OFFICIAL = installed(CONFORMANCE)


def test_all_methods_with_an_official_implementation_are_recorded() -> None:
    assert {"vita", "mask2former_vis", "ifc"} <= set(OFFICIAL)
    assert all((GOLDEN / name).is_dir() for name in OFFICIAL)


@pytest.fixture(scope="module")
def report() -> Report:
    report = Report()
    run(GOLDEN, full_size=False, report=report, show=lambda line: None)
    return report


def test_everything_passes_and_nothing_is_left_out(report: Report) -> None:
    assert [check.group for check in report.checks if check.passed is not True] == []


@pytest.mark.parametrize("method", OFFICIAL)
@pytest.mark.parametrize("part", ["eval_", "inference_", "losses"])
def test_every_part_of_every_method(report: Report, method: str, part: str) -> None:
    assert [check for check in report.checks if check.group.startswith(f"{method}/{part}")]
