"""`vita conformance DIR`: one line a group, a summary, and an exit code that says what happened."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tiny_run import told_besides_progress

GOLDEN = Path(__file__).parents[2] / "golden"


def vita(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vita", "conformance", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(GOLDEN / "evaluator", tmp_path / "recordings" / "evaluator")
    return tmp_path / "recordings"


def test_all_passed(root: Path, tmp_path: Path) -> None:
    ended = vita(root, "--out", tmp_path / "checks.csv")
    assert ended.returncode == 0, ended.stderr
    *lines, summary = ended.stdout.splitlines()
    passed = [line for line in lines if line.startswith("pass  evaluator/")]
    absent = {line.removeprefix("absent ") for line in lines if line.startswith("absent ")}
    assert len(passed) + len(absent) == len(lines)
    assert {"vita", "backbones", "augmentation", "optimizer", "fullsize"} <= absent
    assert summary.startswith(f"{len(passed)} groups passed, 0 failed; absent: ")
    table = pd.read_csv(tmp_path / "checks.csv")
    assert list(table.columns) == ["group", "error", "largest", "tolerance", "passed", "note"]
    assert len(table) == len(passed) > 5


def test_a_difference_is_exit_code_1(root: Path) -> None:
    path = root / "evaluator" / "edge_expected.json"
    expected = json.loads(path.read_text())
    name = next(iter(expected["stats"]))
    expected["stats"][name] += 1e-3
    path.write_text(json.dumps(expected))
    ended = vita(root)
    assert ended.returncode == 1
    assert len([line for line in ended.stdout.splitlines() if line.startswith("FAIL  evaluator/edge")]) == 1
    assert "1 failed" in ended.stdout.splitlines()[-1]


def test_malformed_is_exit_code_2(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (root / "evaluator" / "edge_expected.json").write_text("{")
    for folder, message in (
        (root, "edge_expected.json: not valid JSON"),
        (tmp_path / "empty", "holds no recordings; looked for "),
        (tmp_path / "nowhere", "nowhere: no such folder"),
    ):
        ended = vita(folder)
        assert ended.returncode == 2
        assert message in ended.stderr
        assert len(told_besides_progress(ended.stderr)) == 1


def test_a_folder_with_nothing_to_compare_is_malformed(tmp_path: Path) -> None:
    (tmp_path / "evaluator").mkdir()
    ended = vita(tmp_path)
    assert ended.returncode == 2
    assert "evaluator: holds nothing that can be compared" in ended.stderr
