"""Bad input of `vita probe`: one line, exit code 2, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_run import vita


@pytest.fixture
def case(tmp_path: Path) -> Path:
    file = tmp_path / "case.yaml"
    file.write_text("{method: vita}")
    return file


def test_a_place_that_cannot_be_written_is_told_at_once(case: Path) -> None:
    ended = vita("probe", "--case", case, "--device", "cpu", "--budget", "256MiB", "--out", "/proc/told.json")
    assert ended.code == 2
    assert "cannot write /proc/told.json: " in ended.errors
    assert "Traceback" not in ended.errors and "trial" not in ended.errors


@pytest.mark.parametrize("frames", [0, -3])
def test_no_frames(case: Path, frames: int) -> None:
    ended = vita("probe", "--case", case, "--frames", frames)
    assert ended.code == 2 and "MiB" not in ended.out
