"""The checks of a card miss what they should: each with figures that are wrong in one way."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vita.core.contract import Track
from vita.data.masks.rle import encode

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "benchmarks"))  # where the program finds its parts

import gpu  # noqa: E402
from gpu_check import conformance, predictions, probe, report, resume, steps, table  # noqa: E402
from gpu_check.report import Bench, Report  # noqa: E402

CPU, CARD = (Bench(torch.device(name), Path()) for name in ("cpu", "cuda"))


def outcomes(told: Report) -> list[str]:
    return [line.outcome for line in told.lines]


@pytest.mark.parametrize(
    ("bench", "holds", "expected"),
    [
        (CPU, True, ["pass", "not on a card", "not on a card"]),
        (CPU, False, ["miss", "miss", "not on a card"]),
        (CARD, True, ["pass", "pass", "pass"]),
        (CARD, False, ["miss", "miss", "miss"]),
    ],
)
def test_what_a_cpu_cannot_tell_never_passes(bench: Bench, holds: bool, expected: list[str]) -> None:
    told = Report(bench, "steps")
    for tell in (told.held, told.held_on_card, told.told_on_card):
        tell("a ratio", "1.6", ">= 1.5", holds)
    assert outcomes(told) == expected
    assert told.missed is ("miss" in expected)


def test_an_error_is_a_line_and_the_others_follow() -> None:
    def broken(_: Report) -> None:
        raise RuntimeError("CUDA error\nand more")

    told = Report(CPU, "frames")
    told.run(iter([("first", broken), ("second", lambda told: told.note("second", "7"))]))
    assert [str(line) for line in told.lines] == [
        "miss             frames       first: RuntimeError: CUDA error, wanted a figure",
        "noted            frames       second: 7",
    ]
    assert told.missed


def test_a_part_that_says_nothing_has_missed() -> None:
    told = Report(CPU, "frames")
    told.run(iter([]))
    assert told.missed


def test_a_part_ends_in_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PART_S", 0.1)
    told = Report(CPU, "frames")
    began = time.monotonic()
    told.run(iter([("slow", lambda _: time.sleep(60)), ("late", lambda told: told.note("late", "7"))]))
    assert time.monotonic() - began < 30
    assert [(line.name, line.outcome) for line in told.lines] == [("slow", "miss"), ("late", "miss")]
    assert "0.1 s are over" in told.lines[1].figure


def part_of(told: Any) -> SimpleNamespace:
    return SimpleNamespace(items=lambda bench: iter([("one", told)]))


def test_a_miss_is_exit_code_1_and_all_parts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "told.json"
    monkeypatch.setitem(gpu.MODULES, "frames", part_of(lambda told: told.held("a", "3", "2", False)))
    monkeypatch.setitem(gpu.MODULES, "probe", part_of(lambda told: told.held("b", "2", "2", True)))
    chosen = [gpu.Part.frames, gpu.Part.probe]
    with pytest.raises(SystemExit, match="missed: frames"):
        gpu.main(gpu.Device.cpu, chosen, out, tmp_path)
    gpu.main(gpu.Device.cpu, [gpu.Part.probe], out, tmp_path)  # ends without one
    told = json.loads(out.read_text())["parts"]
    assert {name: part["lines"][0]["outcome"] for name, part in told.items()} == {"frames": "miss", "probe": "pass"}


def test_figures_of_another_machine_are_not_kept_beside_ours(tmp_path: Path) -> None:
    out, told = tmp_path / "told.json", Report(CPU, "frames")
    out.write_text(json.dumps({"machine": {"device": "another"}, "parts": {"steps": {}}}))
    told.note("a", "1")
    assert list(report.keep(out, told)["parts"]) == ["frames"]


# What is compared


def test_losses_by_the_worst_and_gradients_as_one_vector() -> None:
    """|2.02 - 2| / 2 = 0.01; gradients (3, 4) and (3, 4.5): 0.5 / 5 = 0.1."""
    reference = {"a": 1.0, "b": 2.0}, {"x": torch.tensor([3.0]), "y": torch.tensor([4.0])}
    ours = {"a": 1.0, "b": 2.02}, {"x": torch.tensor([3.0]), "y": torch.tensor([4.5])}
    assert conformance.differences(ours, reference) == pytest.approx((0.01, 0.1))
    with pytest.raises(ValueError, match="other losses or other trained parameters"):
        conformance.differences(({"a": 1.0}, reference[1]), reference)


def track(label: int, score: float, rows: int) -> Track:
    masks = np.zeros((2, 4, 5), bool)
    masks[:, :rows] = True
    return Track(label, score, encode(masks))


def test_tracks_by_labels_scores_and_pixels() -> None:
    """Of two tracks of 2 x 4 x 5 pixels, one has a row of 5 more in each frame: 10 of 80."""
    ours, theirs = [track(0, 0.9, 2), track(1, 0.5, 2)], [track(0, 0.9, 2), track(1, 0.25, 3)]
    assert predictions.difference(ours, ours) == (True, 0.0, 0.0)
    assert predictions.difference(ours, theirs) == (True, 0.25, 0.125)
    for others in ([], theirs[:1], [track(0, 0.9, 2), track(2, 0.5, 2)]):
        assert predictions.difference(ours, others)[0] is False
    assert predictions.difference([], [])[0] is False  # two devices that find nothing show nothing


@pytest.mark.parametrize(
    ("losses", "outcome"), [([3.0] * 5 + [2.0] * 5, "pass"), ([2.0] * 10, "miss"), ([3.0, *[float("nan")] * 9], "miss")]
)
def test_losses_fall_and_are_finite(monkeypatch: pytest.MonkeyPatch, losses: list[float], outcome: str) -> None:
    monkeypatch.setattr(steps, "steps", lambda *_: steps.Steps(losses, 10.0, float("nan")))
    told = Report(CPU, "steps")
    steps.in_all_precisions("vita", "r50", told)
    assert outcomes(told) == [outcome, "noted"]


def test_half_precision_must_be_faster_on_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """90 ms in 32 bits; 60 are 1.5 times as fast, 75 are not."""
    times = {torch.float32: 90.0, torch.bfloat16: 60.0, torch.float16: 75.0}
    curve = [2.0] * 5 + [1.0] * 5
    monkeypatch.setattr(steps, "steps", lambda *given: steps.Steps(curve, times[given[-1]], 3.0))
    told = Report(CARD, "steps")
    steps.in_all_precisions("vita", "r50", told)
    ratios = [(line.figure, line.outcome) for line in told.lines if "against" in line.name]
    assert ratios == [("1.50 times", "pass"), ("1.20 times", "miss")]
    assert told.cells["step_bfloat16_ms"] == 60.0 and told.cells["step_float32_gib"] == 3.0


def write_history(run: Path, losses: list[float]) -> None:
    run.mkdir(exist_ok=True)
    rows = [f"{step},{loss}" for step, loss in enumerate(losses)]
    (run / "history.csv").write_text("\n".join(["step,total", *rows]))


@pytest.mark.parametrize(
    ("bench", "resumed_at", "losses", "expected"),
    [
        (CPU, [5], [4.0, 2.0], ["pass", "pass", "pass"]),
        (CPU, [], [4.0, 2.0], ["miss", "pass", "pass"]),
        (CPU, [5], [4.0, 2.0001], ["pass", "miss", "pass"]),
        (CARD, [5], [4.0, 2.04], ["pass", "pass", "noted"]),
        (CARD, [5], [4.0, 2.4], ["pass", "miss", "noted"]),
    ],
)
def test_a_resumed_run_goes_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bench: Bench,
    resumed_at: list[int],
    losses: list[float],
    expected: list[str],
) -> None:
    records = {"whole": SimpleNamespace(resumed_at=[], weights_sha256="a")}
    records["cut"] = SimpleNamespace(resumed_at=resumed_at, weights_sha256="a")
    monkeypatch.setattr(resume, "read_record", lambda kind, path: records[path.parent.name])
    write_history(tmp_path / "whole", [4.0, 2.0])
    write_history(tmp_path / "cut", losses)
    told = Report(bench, "resume")
    resume.compare(told, tmp_path / "whole", tmp_path / "cut")
    assert outcomes(told) == expected


@pytest.mark.parametrize(
    ("outcome", "frames", "expected"),
    [("fits", 95, ["pass", "pass"]), ("fits", 80, ["pass", "miss"]), ("error", None, ["miss", "miss"])],
)
def test_a_probe_answers_within_its_prediction(
    monkeypatch: pytest.MonkeyPatch, outcome: str, frames: int | None, expected: list[str]
) -> None:
    """Of 100 predicted frames a tenth and one: 89 to 111."""
    record = SimpleNamespace(
        trials=[{"outcome": outcome}], budget="a budget", error="told", measured_frames=frames, band=None,
        predicted_frames=100, predicted_frames_low=100, at_least_frames=None,
    )  # fmt: skip
    monkeypatch.setattr(probe, "probe", lambda *_: record)
    told = Report(CPU, "probe")
    probe.measured(probe.questions(CPU)[0], told)
    assert outcomes(told) == expected


def test_questions_of_a_card_are_those_of_the_paper() -> None:
    asked = probe.questions(CARD)
    assert [question.name for question in asked] == ["vita", "ifc", "mask2former_vis", "vistr"]
    assert {(question.case.height, question.case.width) for question in asked} == {(360, 640)}
    assert asked[0].case.variant == {"window": 6}
    assert sum(question.minutes for question in asked) < 7


# The table of devices


def test_a_row_of_the_table() -> None:
    cells = {"step_float32_ms": 812.34, "step_float16_ms": 300.0, "detector_fps": 60.0, "prediction_fps": 50.25}
    content = {"machine": {"device": "A", "torch": "2.11"}, "parts": {"steps": {"cells": cells}}}
    assert table.row(content) == ("| A | 2.11 | 812.3, -, 300 | not measured yet | 60, 50.25 | not measured yet |")


def test_the_page_has_its_columns() -> None:
    assert table.HEADER in (ROOT / "docs" / "machines.md").read_text(encoding="utf-8")
