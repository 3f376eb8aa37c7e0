"""Table 4 from records written by hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from probe_scenes import GIBIBYTE, measured, write_probe

from vita.core.contract import UserError
from vita.report.runs.probe_records import find_probe, read_probes
from vita.report.tables.frames_table import NOTES, build_frames_table

WHOLE = {"method": "VITA", "window": "6", "prune_ratio": "1.0"}
SMALL = {"options": {"heads": 4}, "height": 96, "width": 160}


@pytest.fixture
def records(tmp_path: Path) -> list[Path]:
    """A prediction, one along another path, a measurement of a small model, one that failed."""
    cpu = {"device": "cpu", "budget": "1 GiB of address space on a CPU", "budget_bytes": GIBIBYTE, "case": SMALL}
    failed = {"status": "failed", "error": "40 frames: hung: did not end in 9 s", "trials": []}
    return [
        write_probe(tmp_path / "a.json", WHOLE, 1500, 1800),
        write_probe(tmp_path / "b.json", WHOLE, 7000, 9000, case={"attention": "fused"}),
        write_probe(tmp_path / "c.json", WHOLE, 96, 96, **measured(100, (99, 100), **cpu)),
        write_probe(tmp_path / "d.json", {"method": "IFC"}, 40, 40, **measured(None, (0, 0), **cpu, **failed)),
    ]


def test_the_csv(records: list[Path], tmp_path: Path) -> None:
    """100 frames were measured and 96 predicted: 4 % too few."""
    build_frames_table(records, tmp_path / "table4.csv")
    whole = dict.fromkeys(("predicted_frames", "predicted_frames_low", "measured_frames"), "Int64")
    frame = pd.read_csv(tmp_path / "table4.csv", dtype={**whole, "window": str, "comparable": "boolean"})
    assert frame["predicted_frames"].tolist() == [1800, 9000, 96, 40]
    assert frame["predicted_frames_low"].tolist() == [1500, 7000, 96, 40]
    assert frame["measured_frames"].tolist() == [pd.NA, pd.NA, 100, pd.NA]
    assert frame["error_percent"].tolist()[2] == -4.0 and frame["error_percent"].isna().sum() == 3
    assert frame["comparable"].tolist() == [True, False, False, False]
    assert frame["published_frames"].tolist() == ["1392", "1392", "1392", "not available"]
    assert frame["band"].fillna("").tolist() == ["", "", "99 to 100", ""]
    assert frame["error"].fillna("").tolist()[3] == "40 frames: hung: did not end in 9 s"
    assert frame["evidence"].tolist() == [path.as_posix() for path in records]


def test_what_people_read(records: list[Path], tmp_path: Path) -> None:
    """The paper's number stands beside rows that ask another question in brackets only."""
    printed = build_frames_table(records, tmp_path / "table4.csv")
    lines = [line.split() for line in printed.splitlines() if line.startswith(("VITA", "IFC"))]
    assert [line[-1] for line in lines[:3]] == ["1392", "(1392)", "(1392)"]
    assert "failed" in lines[3] and "hung:" in lines[3]
    for suffix in (".md", ".html", ".tex"):
        text = (tmp_path / "table4.csv").with_suffix(suffix).read_text()
        assert "(1392)" in text and "Measured: trials in processes of their own" in text
    assert all(note in printed for note in NOTES)


def test_columns_that_are_empty_are_left_out(records: list[Path], tmp_path: Path) -> None:
    printed = build_frames_table(records[:2], tmp_path / "table4.csv")
    assert "measured frames" not in printed and "error" not in printed.split("Predicted:")[0]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no TeX engine")
def test_latex_compiles_within_the_width_of_a_page(records: list[Path], tmp_path: Path) -> None:
    build_frames_table(records, tmp_path / "table4.csv")
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage[textwidth=5.5in]{geometry}\\usepackage{booktabs}\n"
        "\\begin{document}\\input{table4.tex}\\end{document}\n"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:]
    assert "Overfull \\hbox" not in ended.stdout


def test_a_record_that_is_not_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(UserError, match=r"a\.json: no such file"):
        build_frames_table([path], tmp_path / "table4.csv")
    path.write_text('{"key": {}}')
    with pytest.raises(UserError, match=r"a\.json"):
        build_frames_table([path], tmp_path / "table4.csv")
    with pytest.raises(UserError, match="--probe: name at least one record"):
        build_frames_table([], tmp_path / "table4.csv")


def test_a_measurement_before_a_prediction(tmp_path: Path) -> None:
    predicted = write_probe(tmp_path / "a.json", WHOLE, 1500, 1800)
    there = write_probe(tmp_path / "b.json", WHOLE, 1500, 1800, **measured(1400))
    other = write_probe(tmp_path / "c.json", WHOLE, 1500, 1800, **measured(900), case={"attention": "fused"})
    large = write_probe(tmp_path / "d.json", WHOLE, 5, 6, case={"height": 720, "width": 1280})
    probes = read_probes([predicted, there, other, large])
    assert [probe.is_comparable for probe in probes] == [True, True, False, True]
    assert find_probe(probes, {"method": "VITA", "window": 6, "prune_ratio": 1.0}) == probes[1]
    assert find_probe(probes, {"method": "VITA", "resolution": "720 x 1280"}) == probes[3]
    assert find_probe(probes, {"method": "IFC"}) is None
