"""A tiny IFC."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from vita_baselines.ifc.method import Ifc, definition

TINY: dict[str, Any] = {
    "backbone": {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4},
    "frozen_stages": 0,
    "channels": 32,
    "heads": 4,
    "feedforward": 32,
    "queries": 6,
    "memory_tokens": 3,
    "dropout": 0.0,
}


@pytest.fixture
def tiny() -> Callable[..., Ifc]:
    """Builds a tiny model for 3 classes: `tiny(encoder_layers=1)`. Always the same weights."""

    def build(**options: Any) -> Ifc:
        torch.manual_seed(0)
        model = definition.build({**TINY, **options}, num_classes=3)
        assert isinstance(model, Ifc)
        return model

    return build
