"""All recordings, where they are at hand: the folder VITA_RECORDINGS, or one beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vita.official.conformance.run import Report, full_size_backbones, full_size_checks, run
from vita.official.contract import Check

ROOT = Path(__file__).parents[3]
RECORDINGS = Path(os.environ.get("VITA_RECORDINGS", ROOT.parent / "shared" / "golden")).resolve()

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="the whole set of recordings is not here; the compact part in tests/golden is run"
)


def not_passed(checks: list[Check]) -> list[str]:
    return [check.group for check in checks if check.passed is not True]


def test_everything_but_released_sizes() -> None:
    report = Report()
    run(RECORDINGS, full_size=False, report=report, show=lambda line: None)
    assert not_passed(report.checks) == []
    assert report.absent == []
    folders = {check.group.partition("/")[0] for check in report.checks}
    assert {"vita", "mask2former_vis", "ifc", "backbones", "evaluator", "augmentation"} <= folders


@pytest.mark.full_size
def test_methods_in_released_sizes() -> None:
    report = Report()
    checks = [report.add(check) for check in full_size_checks(RECORDINGS / "fullsize")]
    assert not_passed(checks) == []
    models = {check.group.partition(" ")[0] for check in checks}
    assert models == {"fullsize/vita", "fullsize/vita_swinl", "fullsize/m2f", "fullsize/ifc"}


@pytest.mark.full_size
def test_backbones_in_released_sizes() -> None:
    assert not_passed(list(full_size_backbones(RECORDINGS / "backbones"))) == []
