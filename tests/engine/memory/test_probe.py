"""Measurements around a prediction, with trials that answer at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_driver import FIRST, GIB, Nvml

from vita.core.contract import UserError
from vita.core.probe_record import ProbeRecord
from vita.engine.memory.budget import Budget
from vita.engine.memory.case import Case
from vita.engine.memory.probe import Prober, Search, TrialError, measure, probe
from vita.engine.memory.trial import Outcome, Trial, TrialRequest

CASE = Case(method="vita")
BUDGET = Budget("cpu", 2**20)


class Trials:
    """Stands for the processes: up to `edge` frames fit; some numbers end otherwise."""

    def __init__(self, edge: int, **others: Outcome) -> None:
        self.edge, self.others = edge, {int(name[1:]): outcome for name, outcome in others.items()}
        self.asked: list[int] = []

    def __call__(self, request: TrialRequest, timeout_s: float) -> Trial:
        self.asked.append(request.frames)
        usual: Outcome = "fits" if request.frames <= self.edge else "out of memory"
        return Trial(frames=request.frames, outcome=self.others.get(request.frames, usual), message="told")


def measured(trials: Trials, file: Path, monkeypatch: pytest.MonkeyPatch, **search: Any) -> dict[str, Any]:
    monkeypatch.setattr("vita.engine.memory.probe.Prober", lambda *given: Prober(*given, trial=trials))
    return measure(CASE, BUDGET, Search(**search), 100, file)


def test_a_number_with_its_band(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    record = measured(Trials(101), tmp_path / "t.jsonl", monkeypatch, precision=0.0)
    assert (record["status"], record["measured_frames"], record["band"]) == ("finished", 101, [101, 101])
    assert record["device"] == "cpu" and record["budget"] == "1 MiB of address space on a CPU"
    assert [t["frames"] for t in record["trials"]][:4] == [100, 103, 101, 102]
    assert "trial 1: 100 frames: fits (0.0 s)" in capsys.readouterr().err


@pytest.mark.parametrize("outcome", ["fallback", "killed", "crashed", "hung", "error"])
def test_what_is_no_answer_ends_the_measurement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    """The second trial, a fortieth of the guess above it and rounded up: 100 + 3."""
    record = measured(Trials(200, _103=outcome), tmp_path / "t.jsonl", monkeypatch)
    assert (record["status"], record["measured_frames"]) == ("failed", None)
    assert record["error"] == f"103 frames: {outcome}: told"
    assert [t["outcome"] for t in record["trials"]] == ["fits", outcome]


def test_all_that_was_allowed_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = measured(Trials(10_000), tmp_path / "t.jsonl", monkeypatch, at_most=300)
    assert record["measured_frames"] is None and record["at_least_frames"] == 300


def test_trials_that_were_finished_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "t.jsonl"
    whole = Trials(110)
    expected = measured(whole, file, monkeypatch)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]) + lines[2][:20])
    rest = Trials(110)
    again = measured(rest, file, monkeypatch)
    assert (again["measured_frames"], again["band"]) == (expected["measured_frames"], expected["band"])
    assert rest.asked == whole.asked[2:]


def test_trials_of_another_question_are_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    Prober(CASE, BUDGET, Search(), file, Trials(10)).fits(5)
    assert json.loads(file.read_text())["frames"] == 5
    other = Trials(10)
    assert Prober(CASE, Budget("cpu", 2**21), Search(), file, other).fits(5)
    assert other.asked == [5]


def test_a_card_is_told_with_its_measurement(driver: Nvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTORCH_ALLOC_CONF", "expandable_segments:True")
    monkeypatch.setattr("vita.engine.memory.probe.Prober", lambda *given: Prober(*given, trial=Trials(110)))
    record = measure(CASE, Budget("cap", 12 * GIB), Search(), 100, tmp_path / "t.jsonl")
    assert (record["device"], record["budget"]) == ("NVIDIA H200", "12 GiB allocator cap on NVIDIA H200")
    state = {"name": "NVIDIA H200", "total_bytes": 24 * GIB, "used_bytes": 2 * GIB, "processes": {7: GIB}}
    state |= {"reserved_bytes": 0, "unlisted": ""}
    assert record["card_before"] == record["card_after"] == state
    assert record["allocator_settings"] == "expandable_segments:True"
    assert 109 <= record["measured_frames"] <= 110
    assert driver.down


def test_nothing_is_tried_on_a_card_that_is_half_full(driver: Nvml, tmp_path: Path) -> None:
    trials = tmp_path / "t.jsonl"
    with pytest.raises(
        UserError, match=r"NVIDIA H200 is in use: 2\.0 GiB of 24\.0 GiB are taken \(processes: 7: 1\.0 GiB"
    ):
        measure(CASE, Budget("cap", 23 * GIB), Search(), 100, trials)
    assert not trials.exists()


def test_a_card_of_just_the_budgets_size(driver: Nvml, tmp_path: Path) -> None:
    """On an idle card of 12 GiB, as the driver counts: not somebody else's, but too small by what is reserved."""
    card = driver.cards[f"GPU-{FIRST}"]
    card.total_bytes, card.used_bytes, card.reserved_bytes, card.processes = 12 * GIB, 0, GIB // 4, {}
    with pytest.raises(UserError, match=r"this card has 11\.7 GiB free \(NVIDIA H200, 12\.0 GiB in all"):
        measure(CASE, Budget("cap", 12 * GIB), Search(), 100, tmp_path / "t.jsonl")
    found = predicted_and_free(tmp_path)
    assert found.budget_bytes == 47 * GIB // 4  # 11.75, of the card as a whole


def predicted_and_free(folder: Path) -> ProbeRecord:
    return probe(CASE, Budget("card", 0), None, folder / "t.jsonl")


def test_processes_that_may_not_be_listed_stop_no_measurement(
    driver: Nvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.cards[f"GPU-{FIRST}"].processes = "Insufficient Permissions"
    monkeypatch.setattr("vita.engine.memory.probe.Prober", lambda *given: Prober(*given, trial=Trials(110)))
    record = measure(CASE, Budget("cap", 12 * GIB), Search(), 100, tmp_path / "t.jsonl")
    assert record["status"] == "finished"
    assert (record["card_before"]["processes"], record["card_before"]["unlisted"]) == (None, "Insufficient Permissions")


class CudnnTrials(Trials):
    """cuDNN's words instead of the allocator's, above `edge` frames."""

    def __call__(self, request: TrialRequest, timeout_s: float) -> Trial:
        trial = super().__call__(request, timeout_s)
        lacks = trial.outcome == "out of memory"
        return trial.model_copy(update={"outcome": "no engine"}) if lacks else trial


def test_cudnns_words_are_settled_by_a_second_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """50 of the 100 frames fit, so that there are engines: memory was missing for 100."""
    trials = CudnnTrials(60)
    record = measured(trials, tmp_path / "t.jsonl", monkeypatch, precision=0.0)
    assert (record["status"], record["measured_frames"]) == ("finished", 60)
    assert trials.asked[:2] == [100, 50]
    first = record["trials"][0]
    assert (first["outcome"], first["message"]) == ("out of memory", "told (memory was missing: with 50 frames, fits)")
    kept = [json.loads(line)["outcome"] for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert set(kept) == {"fits", "out of memory"}


def test_an_engine_that_is_truly_missing_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = CudnnTrials(0)
    record = measured(trials, tmp_path / "t.jsonl", monkeypatch)
    assert (record["status"], record["error"]) == ("failed", "100 frames: no engine: told")
    assert trials.asked == [100, 50, 25, 12, 6, 3, 1]


def test_a_second_trial_that_says_nothing_settles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = measured(Trials(0, _100="no engine", _50="killed"), tmp_path / "t.jsonl", monkeypatch)
    assert record["error"] == "100 frames: no engine: told"


def test_there_is_an_end_to_it(tmp_path: Path) -> None:
    prober = Prober(CASE, BUDGET, Search(minutes=0.0), tmp_path / "t.jsonl", Trials(10))
    with pytest.raises(TrialError, match="no time left for 5 frames: 0 minutes are over"):
        prober.fits(5)
