"""What the guard sees of a method that hides what happened."""

from __future__ import annotations

import torch

from vita.engine.memory.fallback_guard import SMALL_BYTES, FallbackGuard

TOO_MUCH = 2**60  # elements


def test_an_error_that_is_caught_is_counted() -> None:
    with FallbackGuard(torch.device("cpu")) as guard:
        try:
            torch.zeros(TOO_MUCH)
        except RuntimeError:
            torch.zeros(4)
    assert guard.out_of_memory == 1
    assert guard.fallback == "memory ran out 1 times inside the method, which went on all the same"


def test_work_on_another_device_is_seen() -> None:
    with FallbackGuard(torch.device("cuda")) as guard:
        torch.zeros(SMALL_BYTES // 4)
        assert guard.fallback is None
        torch.zeros(SMALL_BYTES // 4 + 1)
    assert guard.fallback is not None
    assert guard.fallback.startswith("1 operations did not run on cuda, the first")


def test_honest_work_is_let_through() -> None:
    with FallbackGuard(torch.device("cpu")) as guard:
        (torch.ones(2000, 2000) @ torch.ones(2000, 3)).sum().item()
    assert guard.fallback is None
