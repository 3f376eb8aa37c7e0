"""A tiny Mask2Former-VIS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from baselines.mask2former_vis.method import definition
from baselines.mask2former_vis.model import Mask2FormerVis

TINY: dict[str, Any] = {
    "detector": {
        "backbone": {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8] * 4},
        "channels": 32,
        "heads": 4,
        "feedforward": 32,
        "queries": 6,
        "pixel_layers": 1,
        "pixel_feedforward": 32,
        "decoder_layers": 3,
        "norm": "frozen",
    },
    "points": 16,
}


@pytest.fixture
def tiny() -> Callable[..., Mask2FormerVis]:
    """Builds a tiny model for 3 classes: `tiny(labels="instance")`. Always the same weights."""

    def build(*, norm: str = "frozen", **options: Any) -> Mask2FormerVis:
        torch.manual_seed(0)
        detector = {**TINY["detector"], "norm": norm}
        model = definition.build({**TINY, **options, "detector": detector}, num_classes=3)
        assert isinstance(model, Mask2FormerVis)
        return model

    return build
