"""A tiny Mask2Former-VIS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny_mask2former_vis import TINY

from vita_baselines.mask2former_vis.method import definition
from vita_baselines.mask2former_vis.network import Mask2FormerVis


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
