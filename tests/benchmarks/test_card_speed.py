"""The benchmark for cards compares two ways to the same losses, counted on a pretended card."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.testing import assert_close

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # where the program finds its parts

import card_speed


def test_both_ways_to_the_losses_are_the_same() -> None:
    pair, _ = card_speed.losses(torch.Generator().manual_seed(0))
    for plain, fast in zip(pair.plain(), pair.fast(), strict=True):
        assert_close(fast, plain, rtol=pair.within, atol=pair.within * float(plain.abs().max()))
