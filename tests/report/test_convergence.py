"""Figure 5 from histories by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from figure_runs import listed, row, write_run, write_runs, write_spec
from matplotlib.axes import Axes
from tiny_run import vita

from vita.core.contract import UserError
from vita.report.figures.convergence import build_convergence

HISTORY = "step,total,validation_AP\n1,9,\n2,8,{}\n3,,{}\n4,7,{}\n"
UNVALIDATED = "step,total\n2,8\n4,7\n"


@pytest.fixture
def two_seeds(tmp_path: Path) -> list[Path]:
    """AP 10, 20, 30 and 14, 20, 40 after 2, 3 and 4 steps; 8 videos were asked for, and there are 5."""
    runs = [write_run(tmp_path, tmp_path, seed=seed, validate_videos=8) for seed in (0, 1)]
    for run, values in zip(runs, ((10, 20, 30), (14, 20, 40)), strict=True):
        (run / "history.csv").write_text(HISTORY.format(*values))
    return runs


def build(folder: Path, rows: list[Any], runs: list[dict[str, Any]]) -> tuple[pd.DataFrame, list[str]]:
    notes = build_convergence(write_spec(folder, rows), write_runs(folder, runs), folder / "out" / "figure.pdf")
    return pd.read_csv(folder / "out" / "figure.csv", keep_default_na=False, na_values=[""]), notes


def test_mean_and_deviation_over_seeds(tmp_path: Path, two_seeds: list[Path]) -> None:
    frame, notes = build(tmp_path, [row("VITA")], [listed(run, videos=5) for run in two_seeds])
    assert list(frame["step"]) == [2, 3, 4]
    assert list(frame["AP_mean"]) == [12, 20, 35]
    # Of a sample of two: the difference over the root of 2.
    assert frame["AP_std"].tolist() == pytest.approx([4 / 2**0.5, 0, 10 / 2**0.5], abs=1e-4)
    assert [set(frame[name]) for name in ("curve", "n", "seeds", "videos")] == [{"VITA"}, {2}, {"0 1"}, {5}]
    assert set(frame["evidence"]) == {" ".join(str(run / "history.csv") for run in two_seeds)}
    assert notes == [] and frame["note"].isna().all()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["figure.csv", "figure.pdf", "figure.png"]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What is drawn: bands, labels of curves, and lines without one, which are thin."""
    found: dict[str, list[Any]] = {"bands": [], "labels": [], "thin": []}
    plot = Axes.plot

    def fill(axes: Axes, steps: Any, low: Any, high: Any, **style: Any) -> None:
        found["bands"].append((list(low), list(high)))

    def note_line(axes: Axes, *values: Any, **style: Any) -> Any:
        if "label" in style:
            found["labels"].append(style["label"])
        else:
            found["thin"].append(list(values[0]))
        return plot(axes, *values, **style)

    monkeypatch.setattr(Axes, "fill_between", fill)
    monkeypatch.setattr(Axes, "plot", note_line)
    return found


def test_two_seeds_have_lines_of_their_own_and_no_band(
    tmp_path: Path, two_seeds: list[Path], drawn: dict[str, list[Any]]
) -> None:
    other = write_run(tmp_path, tmp_path, "alone")
    (other / "history.csv").write_text(HISTORY.format(1, 2, 3))
    rows = [row("both"), row("one", "alone", (0,)), row("none", "absent", (), not_run="not run in this tier")]
    build(tmp_path, rows, [listed(run) for run in (*two_seeds, other)])
    assert drawn == {
        "bands": [],
        "labels": ["both, n = 2", "one, n = 1", "none: no run"],
        "thin": [[10, 20, 30], [14, 20, 40]],
    }


def test_three_seeds_have_a_band(tmp_path: Path, two_seeds: list[Path], drawn: dict[str, list[Any]]) -> None:
    third = write_run(tmp_path, tmp_path, seed=2, validate_videos=8)
    (third / "history.csv").write_text(HISTORY.format(12, 26, 50))
    build(tmp_path, [row("VITA", seeds=(0, 1, 2))], [listed(run, videos=5) for run in (*two_seeds, third)])
    # 10, 14, 12 have mean 12 and deviation 2; 20, 20, 26 have 22 and the root of 12; 30, 40, 50 have 40 and 10.
    mean, deviation = np.array([12, 22, 40]), np.array([2, 12**0.5, 10])
    assert drawn["bands"] == [(pytest.approx(mean - deviation), pytest.approx(mean + deviation))]
    assert (drawn["labels"], drawn["thin"]) == (["VITA, n = 3"], [])


def test_failed_and_missing_runs_are_told(tmp_path: Path, two_seeds: list[Path]) -> None:
    failed = write_run(tmp_path, tmp_path, "broken", 3)
    rows = [
        row("VITA", seeds=(0, 1, 2)),
        row("broken", "broken", (3,)),
        row("paper's", "absent", (), not_run="not run in this tier"),
    ]
    runs = [*(listed(run) for run in two_seeds), listed(failed, "failed", error="UserError: step 7:\nloss is nan")]
    frame, notes = build(tmp_path, rows, runs)
    lost = f"seed 3: no history.csv (failed UserError: step 7: loss is nan; {failed})"
    assert notes == ["VITA: seed 2: no run listed", f"broken: {lost}", "paper's: not run in this tier"]
    assert list(frame["curve"]) == ["VITA"] * 3 + ["broken", "paper's"]
    assert list(frame["n"]) == [2, 2, 2, 0, 0]
    assert list(frame["note"]) == ["seed 2: no run listed"] * 3 + [lost, "not run in this tier"]
    assert frame["AP_mean"].notna().tolist() == [True] * 3 + [False] * 2


def test_a_seed_without_validation_counts_not(tmp_path: Path, two_seeds: list[Path]) -> None:
    (two_seeds[1] / "history.csv").write_text(UNVALIDATED)
    frame, (note,) = build(tmp_path, [row("VITA")], [listed(run) for run in two_seeds])
    assert note.startswith("VITA: seed 1: no `validation_AP` in history.csv (finished; ")
    assert list(frame["AP_mean"]) == [10, 20, 30] and set(frame["n"]) == {1} and frame["AP_std"].isna().all()


def test_without_any_validation_the_key_is_named(tmp_path: Path, two_seeds: list[Path]) -> None:
    for run in two_seeds:
        (run / "history.csv").write_text(UNVALIDATED)
    with pytest.raises(UserError, match=r"Set `validate_every` in the schedule .* the tier 'test'"):
        build(tmp_path, [row("VITA")], [listed(run) for run in two_seeds])
    assert not (tmp_path / "out").exists()


def test_different_numbers_of_videos_are_no_curve(tmp_path: Path, two_seeds: list[Path]) -> None:
    runs = [listed(two_seeds[0], videos=5), listed(two_seeds[1], videos=6)]
    with pytest.raises(UserError, match=r"VITA: .* different numbers of videos: \[5, 6\]"):
        build(tmp_path, [row("VITA")], runs)


def test_the_same_runs_are_the_same_bytes(tmp_path: Path, two_seeds: list[Path]) -> None:
    def files() -> list[bytes]:
        build(tmp_path, [row("VITA")], [listed(run) for run in two_seeds])
        return [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())]

    assert files() == files()


def test_the_command_tells_what_is_missing(tmp_path: Path, two_seeds: list[Path]) -> None:
    spec, runs = write_spec(tmp_path, [row("VITA")]), write_runs(tmp_path, [listed(two_seeds[0])])
    ended = vita("figure", "convergence", "--spec", spec, "--runs", runs, "--out", tmp_path / "out" / "figure.pdf")
    assert (ended.code, ended.out, ended.errors) == (0, "", "note: VITA: seed 1: no run listed\n")
