"""Budgets, their words, and cards that others use."""

from __future__ import annotations

import pytest
import torch
from fake_driver import GIB, Nvml

from vita.core.contract import UserError
from vita.engine.memory.budget import Budget, read_budget
from vita.engine.memory.gpu import CardState, allocator_settings, check_idle, nvml_reader
from vita.engine.memory.trial import peaks


@pytest.mark.parametrize(
    ("text", "device", "budget"),
    [
        ("12GiB", "cuda", Budget("cap", 12 * GIB)),
        ("1.5 GiB", "cpu", Budget("cpu", 3 * GIB // 2)),
        ("512MiB", "cpu", Budget("cpu", GIB // 2)),
        ("1000", "cpu", Budget("cpu", 1000)),
        ("card", "cuda", Budget("card", 0)),
    ],
)
def test_what_can_be_asked(text: str, device: str, budget: Budget) -> None:
    assert read_budget(text, device) == budget


@pytest.mark.parametrize(
    ("text", "device", "told"),
    [
        ("12GB", "cuda", "--budget 12GB: not a size; write 1GiB, 512MiB, or card"),
        ("much", "cpu", "--budget much: not a size"),
        ("0GiB", "cpu", "--budget 0GiB: must be above zero"),
        ("card", "cpu", "--budget card: on a CPU say how much"),
    ],
)
def test_what_cannot(text: str, device: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        read_budget(text, device)


def test_a_cap_is_never_called_a_smaller_card() -> None:
    assert Budget("cap", 12 * GIB).words("NVIDIA H200") == "12 GiB allocator cap on NVIDIA H200"
    assert Budget("card", 12 * GIB).words("NVIDIA TITAN Xp") == "all of NVIDIA TITAN Xp"
    assert Budget("cpu", GIB // 2).words() == "512 MiB of address space on a CPU"


HALF_FULL = CardState("NVIDIA H200", 24 * GIB, 12 * GIB, {4711: 11 * GIB, 4712: None})


@pytest.mark.parametrize("budget", [13 * GIB, 0])
def test_a_card_that_is_half_full_is_told(budget: int) -> None:
    with pytest.raises(UserError, match=r"NVIDIA H200 is in use: 12\.0 GiB of 24\.0 GiB are taken") as caught:
        check_idle(HALF_FULL, budget)
    assert "4711: 11.0 GiB, 4712: unknown" in str(caught.value)


def test_room_beside_others_is_enough_for_a_cap() -> None:
    check_idle(HALF_FULL, 12 * GIB)
    check_idle(CardState("an idle card", 24 * GIB, GIB // 2, {}), 0)


def test_what_a_driver_says(driver: Nvml) -> None:
    with nvml_reader() as reader:
        assert reader() == CardState("NVIDIA H200", 24 * GIB, 2 * GIB, {7: GIB})
    assert driver.down


@pytest.mark.parametrize(
    ("visible", "name"), [("0,1", "NVIDIA H200"), ("1", "NVIDIA TITAN Xp"), ("GPU-4711, GPU-1", "NVIDIA TITAN Xp")]
)
def test_the_card_that_trials_see_is_the_one_that_is_read(
    driver: Nvml, monkeypatch: pytest.MonkeyPatch, visible: str, name: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with nvml_reader() as reader:
        assert reader().name == name


@pytest.mark.parametrize(
    ("visible", "told"), [("3", "card 3: Invalid Argument"), ("GPU-5", "card GPU-5: Not Found"), ("", "card none: Not")]
)
def test_a_card_that_is_not_there(driver: Nvml, monkeypatch: pytest.MonkeyPatch, visible: str, told: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with pytest.raises(UserError, match=told), nvml_reader():
        pass


def test_peaks_of_a_card(driver: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("max_memory_allocated", 7), ("max_memory_reserved", 9), ("memory_reserved", 6)):
        monkeypatch.setattr(torch.cuda, name, lambda size=size: size)
    assert peaks(Budget("cap", GIB), before=2) == {
        "peak_bytes": 5,
        "allocated_bytes": 7,
        "reserved_bytes": 9,
        "used_bytes": 2 * GIB + 3,  # which the allocator gave back
    }


def test_without_a_driver(driver: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "nvmlInit", lambda: (_ for _ in ()).throw(Nvml.NVMLError("Driver Not Loaded")))
    with pytest.raises(UserError, match="no NVIDIA driver: Driver Not Loaded; probe on a CPU"), nvml_reader():
        pass


def test_what_the_allocator_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTORCH_ALLOC_CONF", raising=False)
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    assert allocator_settings() == "default"
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    assert allocator_settings() == "expandable_segments:True"
