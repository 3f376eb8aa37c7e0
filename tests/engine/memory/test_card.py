"""Which card is read, and what its driver says and does not say."""

from __future__ import annotations

import sys

import pytest
import torch
from fake_driver import FIRST, GIB, INSTANCE, SECOND, Card, FirstCard, Nvml, NVMLError

from vita.core.contract import UserError
from vita.engine.memory.gpu import CardState, allocator_settings, check_idle, nvml_reader
from vita.engine.memory.trial import environment


def read() -> CardState:
    with nvml_reader() as reader:
        return reader()


def test_what_a_driver_says(driver: Nvml) -> None:
    assert read() == CardState("NVIDIA H200", 24 * GIB, 2 * GIB, {7: GIB})
    assert driver.down


# Which card


@pytest.mark.parametrize("visible", ["1,0", "1", f"GPU-{SECOND}", f"GPU-{SECOND[:4]}", f"GPU-{SECOND[:8]},GPU-{FIRST}"])
def test_the_card_that_pytorch_sees_first_is_read_however_it_is_named(
    driver: Nvml, first_card: FirstCard, monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    """Reordered numbers, a UUID, a UUID cut short: PyTorch resolves them, and its UUID is looked up."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    first_card.uuid = SECOND
    assert read().name == "NVIDIA TITAN Xp"


def test_trials_see_cards_in_the_order_of_the_process_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    assert "CUDA_DEVICE_ORDER" not in environment()
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert environment()["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def partitioned(driver: Nvml) -> None:
    """The first card in two instances, the second of which is known by its UUID."""
    small, large = Card("NVIDIA H200 MIG 1g", 16 * GIB), Card("NVIDIA H200 MIG 3g", 64 * GIB)
    driver.cards[f"GPU-{FIRST}"].instances = [small, large]
    driver.cards[f"MIG-{INSTANCE}"] = large


def test_an_instance_by_its_own_uuid(driver: Nvml, first_card: FirstCard) -> None:
    partitioned(driver)
    first_card.uuid = INSTANCE
    assert read().name == "NVIDIA H200 MIG 3g"


def test_an_instance_where_pytorch_tells_its_cards_uuid(driver: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the card as a whole, whose memory no trial can have."""
    partitioned(driver)
    assert read().name == "NVIDIA H200 MIG 1g"  # CUDA takes the first one
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"MIG-{INSTANCE}")
    assert read().name == "NVIDIA H200 MIG 3g"


def test_a_card_that_could_be_partitioned_and_is_not(driver: Nvml) -> None:
    driver.cards[f"GPU-{FIRST}"].instances = []
    assert read().name == "NVIDIA H200"


def test_a_card_that_the_driver_does_not_know(driver: Nvml, first_card: FirstCard) -> None:
    first_card.uuid = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(UserError, match="the driver cannot read the card that PyTorch uses: Not Found"):
        read()
    assert driver.down


@pytest.mark.parametrize("error", [RuntimeError("No CUDA GPUs are available\nmore"), AssertionError("not compiled")])
def test_no_card_for_pytorch(driver: Nvml, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def properties(index: int) -> None:
        raise error

    monkeypatch.setattr(torch.cuda, "get_device_properties", properties)
    first_line = str(error).splitlines()[0]
    with pytest.raises(UserError, match=f"PyTorch sees no card: {first_line}; probe on a CPU with --device cpu"):
        read()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UserError, match=r"PyTorch sees no card \(CUDA_VISIBLE_DEVICES is ''\)"):
        read()


def test_without_a_driver(driver: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "nvmlInit", lambda: (_ for _ in ()).throw(NVMLError("Driver Not Loaded")))
    with pytest.raises(UserError, match="no NVIDIA driver: Driver Not Loaded; probe on a CPU"):
        read()


def test_without_the_binding(first_card: FirstCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(UserError, match="binding is not installed: pip install nvidia-ml-py"):
        read()


# What is told of it


@pytest.mark.parametrize("reason", ["Not Supported", "Insufficient Permissions"])
def test_a_list_of_processes_that_is_not_given_is_told_and_stops_nothing(driver: Nvml, reason: str) -> None:
    driver.cards[f"GPU-{FIRST}"].processes = reason
    state = read()
    assert (state.processes, state.unlisted, state.used_bytes) == (None, reason, 2 * GIB)
    check_idle(state, 12 * GIB)
    with pytest.raises(UserError, match=rf"is in use: .* \(processes: not listed by its driver, {reason}\); free"):
        check_idle(state, 0)


@pytest.mark.parametrize(
    ("processes", "listed"), [({7: GIB, 8: None}, "7: 1.0 GiB, 8: unknown"), ({}, "none that it names")]
)
def test_processes_are_told_as_far_as_they_are_known(
    driver: Nvml, processes: dict[int, int | None], listed: str
) -> None:
    driver.cards[f"GPU-{FIRST}"].processes = processes
    with pytest.raises(UserError) as caught:
        check_idle(read(), 0)
    assert f"2.0 GiB of 24.0 GiB are taken (processes: {listed}); free the card" in str(caught.value)


def test_what_the_driver_reserves_is_nobodys(driver: Nvml) -> None:
    """1.5 GiB reserved and 0.25 GiB held: idle. 24 - 1.5 - 0.25 = 22.25 GiB are free."""
    card = driver.cards[f"GPU-{FIRST}"]
    card.used_bytes, card.reserved_bytes = GIB // 4, 3 * GIB // 2
    state = read()
    assert (state.used_bytes, state.reserved_bytes, state.free_bytes) == (GIB // 4, 3 * GIB // 2, 89 * GIB // 4)
    check_idle(state, 0)


def test_an_old_driver_counts_what_it_reserves_as_used(driver: Nvml) -> None:
    driver.is_old = True
    card = driver.cards[f"GPU-{FIRST}"]
    card.used_bytes, card.reserved_bytes = GIB // 4, GIB // 2
    state = read()
    assert (state.used_bytes, state.reserved_bytes, state.free_bytes) == (3 * GIB // 4, 0, 93 * GIB // 4)
    check_idle(state, 0)


# Whether it may be used


def test_a_card_of_just_the_budgets_size_is_too_small_and_not_in_use() -> None:
    """An idle 12 GB card: 12 - 0.25 - 0.03125 = 11.71875 GiB."""
    state = CardState("NVIDIA TITAN Xp", 12 * GIB, GIB // 32, {}, GIB // 4)
    with pytest.raises(UserError) as caught:
        check_idle(state, 12 * GIB)
    assert str(caught.value) == (
        "--budget 12.0 GiB: this card has 11.7 GiB free (NVIDIA TITAN Xp, 12.0 GiB in all, 0.0 GiB used, 0.2 GiB "
        "reserved by its driver); give a smaller --budget, or --budget card for all that is free"
    )
    check_idle(state, 11 * GIB)
    check_idle(state, 0)


def test_a_budget_that_no_card_of_this_size_has_is_told_so_beside_others_too() -> None:
    state = CardState("NVIDIA TITAN Xp", 12 * GIB, 6 * GIB, {7: 6 * GIB})
    with pytest.raises(UserError, match=r"this card has 6\.0 GiB free"):
        check_idle(state, 13 * GIB)


HALF_FULL = CardState("NVIDIA H200", 24 * GIB, 12 * GIB, {4711: 11 * GIB, 4712: None})


@pytest.mark.parametrize("budget", [13 * GIB, 0])
def test_a_card_that_is_half_full_is_told(budget: int) -> None:
    with pytest.raises(UserError, match=r"NVIDIA H200 is in use: 12\.0 GiB of 24\.0 GiB are taken") as caught:
        check_idle(HALF_FULL, budget)
    assert "4711: 11.0 GiB, 4712: unknown" in str(caught.value)


def test_room_beside_others_is_enough_for_a_cap() -> None:
    check_idle(HALF_FULL, 12 * GIB)
    check_idle(CardState("an idle card", 24 * GIB, GIB // 2, {}), 0)


def test_what_the_allocator_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTORCH_ALLOC_CONF", raising=False)
    monkeypatch.delenv("PYTORCH_CUDA_ALLOC_CONF", raising=False)
    assert allocator_settings() == "default"
    monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    assert allocator_settings() == "expandable_segments:True"
