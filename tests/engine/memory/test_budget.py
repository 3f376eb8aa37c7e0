"""Budgets, their words, and the peaks of a trial."""

from __future__ import annotations

import pytest
import torch
from fake_driver import GIB, Nvml

from vita.core.contract import UserError
from vita.engine.memory.budget import Budget, read_budget
from vita.engine.memory.trial import peaks


@pytest.mark.parametrize(
    ("text", "device", "budget"),
    [
        ("12GiB", "cuda", Budget("cap", 12 * GIB)),
        ("1.5 GiB", "cpu", Budget("cpu", 3 * GIB // 2)),
        ("512MiB", "cpu", Budget("cpu", GIB // 2)),
        ("1000B", "cpu", Budget("cpu", 1000)),
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
        ("12", "cuda", "--budget 12: 12 is 12 bytes; write 12GiB or 12MiB"),
        ("1000", "cpu", "--budget 1000: 1000 is 1000 bytes; write 1000GiB or 1000MiB"),
        ("1GiB; touch x", "cpu", "not a size"),
        ("1GiB\n", "cpu", "not a size"),
        ("9" * 400 + "GiB", "cpu", "not a size"),
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


def test_peaks_of_a_card(driver: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, size in (("max_memory_allocated", 7), ("max_memory_reserved", 9), ("memory_reserved", 6)):
        monkeypatch.setattr(torch.cuda, name, lambda size=size: size)
    assert peaks(Budget("cap", GIB), before=2) == {
        "peak_bytes": 5,
        "allocated_bytes": 7,
        "reserved_bytes": 9,
        "used_bytes": 2 * GIB + 3,  # which the allocator gave back
    }
