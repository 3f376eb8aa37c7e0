"""Bad input of `vita probe`: one line, exit code 2, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from fake_driver import FIRST, GIB, Nvml
from tiny_run import vita

from vita.core.probe_record import read_probe_records


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


def test_a_prediction_as_json_needs_no_file(case: Path, tmp_path: Path) -> None:
    ended = vita("probe", "--case", case, "--predict", "--budget", "4GiB", "--out", tmp_path / "told.json", "--json")
    assert json.loads(ended.out) == json.loads((tmp_path / "told.json").read_text())
    ended = vita("probe", "--case", case, "--predict", "--budget", "4GiB", "--json")
    (record,) = json.loads(ended.out)
    assert record["status"] == "predicted" and record["predicted_frames"] > 0
    (peaks,) = json.loads(vita("probe", "--case", case, "--frames", 2, "--frames", 3, "--json").out)
    assert [peak["frames"] for peak in peaks["peaks"]] == [2, 3]
    assert peaks["weights_bytes"] == record["weights_bytes"]


def test_a_measurement_asks_for_its_file_before_anything(case: Path) -> None:
    assert vita("probe", "--case", case, "--device", "cpu").message == "--out: say which JSON file to write"


# On a card, as far as a machine without one goes


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_without_a_card_it_says_so(case: Path, tmp_path: Path) -> None:
    ended = vita("probe", "--case", case, "--device", "cuda", "--out", tmp_path / "told.json")
    assert "no NVIDIA driver: " in ended.message or "PyTorch sees no card" in ended.message
    assert ended.message.endswith("; probe on a CPU with --device cpu")
    assert "Loading PyTorch" not in ended.errors  # it is the first that is asked


def test_a_prediction_for_all_of_a_card(driver: Nvml, case: Path, tmp_path: Path) -> None:
    """22 GiB of the stand-in's 24 are free."""
    ended = vita("probe", "--case", case, "--predict", "--budget", "card", "--out", tmp_path / "told.json")
    assert ended.code == 0
    (record,) = read_probe_records(tmp_path / "told.json")
    assert record.budget_bytes == 22 * GIB and record.predicted_frames_low < record.predicted_frames


@pytest.mark.parametrize(
    ("used", "told"), [(2, "this card has 22.0 GiB free"), (14, "NVIDIA H200 is in use: 14.0 GiB")]
)
def test_a_card_without_room_is_told_before_a_trial(
    driver: Nvml, case: Path, tmp_path: Path, used: int, told: str
) -> None:
    driver.cards[f"GPU-{FIRST}"].used_bytes = used * GIB
    budget = "25GiB" if used == 2 else "12GiB"
    ended = vita("probe", "--case", case, "--device", "cuda", "--budget", budget, "--out", tmp_path / "told.json")
    assert told in ended.message
    assert not (tmp_path / "told.trials.jsonl").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a card")
def test_a_trial_that_finds_no_card_is_a_record_with_its_error(driver: Nvml, case: Path, tmp_path: Path) -> None:
    """The driver is a stand-in, the trial is a process of its own."""
    out = tmp_path / "told.json"
    ended = vita("probe", "--case", case, "--device", "cuda", "--out", out)
    assert ended.code == 1 and "not measured: " in ended.out
    (record,) = read_probe_records(out)
    assert (record.status, record.device, len(record.trials)) == ("failed", "NVIDIA H200", 1)
    assert "frames: error: exit code 1: " in record.error and "CUDA" in record.error
