"""What tests of memory share."""

from __future__ import annotations

import sys

import pytest
from fake_driver import Nvml


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    driver = Nvml()
    monkeypatch.setitem(sys.modules, "pynvml", driver)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return driver
