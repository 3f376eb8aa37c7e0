"""The recorded model, built by us and loaded with the official weights."""

from __future__ import annotations

import pytest
from golden_recordings import RECORDED_OPTIONS, read

from vita.method import definition
from vita.model import Vita
from vita.weights.official import from_official


@pytest.fixture(scope="session")
def built() -> Vita:
    model = definition.build(RECORDED_OPTIONS, num_classes=5)
    model.load_state_dict(from_official(read("state_dict")))
    assert isinstance(model, Vita)
    return model


@pytest.fixture
def model(built: Vita) -> Vita:
    """In evaluation mode and without gradients, whatever the test before did."""
    built.zero_grad(set_to_none=True)
    return built.eval()
