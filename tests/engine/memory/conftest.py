"""What tests of memory share."""

from __future__ import annotations

import sys

import pytest
import torch
from fake_driver import FirstCard, Nvml


@pytest.fixture
def first_card(monkeypatch: pytest.MonkeyPatch) -> FirstCard:
    """What PyTorch says of the first visible card."""
    card = FirstCard()
    monkeypatch.setattr(torch.cuda, "get_device_properties", card)
    return card


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, first_card: FirstCard) -> Nvml:
    """A driver whose first card PyTorch sees first."""
    driver = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return driver
