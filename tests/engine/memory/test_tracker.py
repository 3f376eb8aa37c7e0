"""Bytes of tensors that are alive, counted by hand."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from vita.engine.memory.tracker import MemoryTracker


@pytest.mark.parametrize("fake", [False, True])
def test_counted_from_birth_to_death(fake: bool) -> None:
    mode = FakeTensorMode() if fake else torch.no_grad()
    with mode, MemoryTracker() as tracker:
        a = torch.zeros(100)  # 400 bytes
        view = a[10:20]
        b = a + 1  # 800
        assert (tracker.current_bytes, tracker.peak_bytes) == (800, 800)
        del a
        assert tracker.current_bytes == 800, "a view holds it"
        del view
        assert tracker.current_bytes == 400
        b += 1
        c = torch.cat([b, b])  # 1200
        del b
        assert (tracker.current_bytes, tracker.peak_bytes) == (800, 1200)
        assert "cat" in tracker.peak_operation
        del c
    assert tracker.current_bytes == 0


def test_sizes_are_rounded_as_an_allocator_rounds_them() -> None:
    with MemoryTracker(granularity=512) as tracker:
        kept = [torch.zeros(1), torch.zeros(129)]
        assert tracker.current_bytes == 512 + 1024
    assert len(kept) == 2


def test_a_view_of_what_was_there_before_is_nothing_new() -> None:
    """As of weights, which a linear layer transposes."""
    weight = torch.zeros(10, 20)
    with MemoryTracker() as tracker:
        transposed = weight.t()
        weight.add_(1)
        assert (tracker.current_bytes, tracker.peak_bytes) == (0, 0)
        product = torch.ones(3, 20) @ transposed
        assert (tracker.current_bytes, tracker.peak_bytes) == (120, 360)
    assert product.shape == (3, 10)


def test_what_was_there_before_counts_when_it_is_added() -> None:
    before = {"a": (torch.zeros(10), [torch.zeros(20)])}
    with MemoryTracker() as tracker:
        assert tracker.current_bytes == 0
        tracker.add(before)
        tracker.add(before)
        assert tracker.current_bytes == 120
        before.clear()
        assert tracker.current_bytes == 0
