"""One seed, one stream."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from vita.engine.seeding import seed_everything


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def draw() -> list[float]:
    return [random.random(), float(np.random.random()), float(torch.rand(()))]


def test_one_seed_one_stream() -> None:
    seed_everything(5, threads=1)
    first = draw()
    seed_everything(5, threads=1)
    assert draw() == first
    seed_everything(6, threads=1)
    assert not set(draw()) & set(first)


def test_threads_are_set() -> None:
    seed_everything(0, threads=2)
    assert torch.get_num_threads() == 2
