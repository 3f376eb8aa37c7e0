"""The list of scores: whoever adds one writes one line, and every reader has it."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vita.evaluation.average_precision import THRESHOLDS
from vita.evaluation.main_scores import OFFICIAL_SCORES, SCORE_NAMES, SCORES

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIST = "vita/evaluation/main_scores.py"
BEFORE = "    ar1: Annotated[float, Measure(detections=1)]\n"
ADDED = "    ap90: Annotated[float, Measure(iou=0.9, official=False)]\n"


def test_every_score_counts_its_thresholds():
    assert SCORES == OFFICIAL_SCORES == ("AP", "AP50", "AP75", "AR1", "AR10")
    every = [*range(10)]
    assert [np.flatnonzero(chosen).tolist() for chosen in THRESHOLDS] == [every, [0], [5], every, every]
    assert tuple(score.lower() for score in SCORES) == SCORE_NAMES


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package with one score more."""
    shutil.copytree(ROOT / "vita", tmp_path / "project" / "vita", ignore=shutil.ignore_patterns("__pycache__"))
    text = (tmp_path / "project" / LIST).read_text()
    assert text.count(BEFORE) == 1
    (tmp_path / "project" / LIST).write_text(text.replace(BEFORE, ADDED + BEFORE))
    return tmp_path / "project"


def test_one_line_adds_a_score_to_evaluation_intervals_records_tables_and_claims(copy: Path, tmp_path: Path) -> None:
    """One object is found whole, another by 7 of 8 columns: an IoU of 0.875, wrong at the thresholds 0.9 and 0.95.

    AP90: precision is 1 up to a recall of 0.5, 51 of 101 levels. AP: so at two thresholds of ten, 1 at the others.
    """
    places = [str(copy), str(HERE), str(HERE.parent), str(HERE.parent / "evaluation")]
    # Not compiled: the copy has no compiled code to start from, and the data are tiny.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(places), "NUMBA_DISABLE_JIT": "1"}
    command = [sys.executable, str(HERE / "one_score_more.py"), str(tmp_path)]
    ended = subprocess.run(command, env=environment, cwd=copy, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr

    at_90, ap = 51 / 101, (8 + 2 * 51 / 101) / 10
    scores, _, table = ended.stdout.partition("\n\n")
    label, points, low, _, high = next(line.split() for line in scores.splitlines() if line.startswith("AP90"))
    assert (label, float(points)) == ("AP90", round(100 * at_90, 2)) and float(low) < float(points) <= float(high)
    with (tmp_path / "table.csv").open() as handle:
        (row,) = csv.DictReader(handle)
    assert (float(row["AP"]), float(row["AP90"])) == pytest.approx((100 * ap, 100 * at_90), abs=1e-3)
    assert "paper_AP90" not in row and "paper_AP" in row  # no paper states it
    header, cells = ([cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines_of(table))
    assert header[header.index("AP75") + 1] == "AP90" and f"{100 * at_90:.1f}" in cells
    assert "AP75 & AP90 & AR1" in (tmp_path / "table.tex").read_text()


def lines_of(table: str) -> tuple[str, str]:
    """The headers of a printed table and its one row."""
    lines = table.splitlines()
    rule = next(number for number, line in enumerate(lines) if line.startswith("---"))
    return lines[rule - 1], lines[rule + 1]
