"""Predictions against trials in processes of their own, under limits of address space."""

from __future__ import annotations

from typing import Any

import pytest

from vita.engine.memory.case import Case
from vita.engine.memory.predicted_peak import Predictor
from vita.engine.memory.tracker import cpu_scratch
from vita.engine.memory.trial import TrialRequest, run_trial

BACKBONE = {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 16, "channels": [16, 16, 32, 32]}
DETECTOR = {"backbone": BACKBONE, "feedforward": 64, "pixel_layers": 1, "pixel_feedforward": 64, "decoder_layers": 3}
LAYERS = {"feedforward": 512, "encoder_layers": 2, "decoder_layers": 1}
MODELS: dict[str, dict[str, Any]] = {
    "vita": {"options": {"detector": DETECTOR, **LAYERS}, "variant": {"window": 6}},
    "mask2former_vis": {"options": {"detector": DETECTOR}},
    "ifc": {"options": {"backbone": BACKBONE, **LAYERS}},
    "vistr": {"options": {"backbone": BACKBONE, **LAYERS}},
}
MIB = 2**20


@pytest.mark.parametrize(
    ("method", "size", "budget"),
    [
        ("mask2former_vis", (64, 96), 192 * MIB),
        ("mask2former_vis", (64, 96), 288 * MIB),
        ("mask2former_vis", (96, 160), 192 * MIB),
        ("mask2former_vis", (96, 160), 288 * MIB),
        ("vita", (64, 96), 256 * MIB),
        ("ifc", (96, 160), 256 * MIB),
        ("vistr", (96, 160), 256 * MIB),
    ],
)
def test_within_ten_percent(method: str, size: tuple[int, int], budget: int) -> None:
    """A tenth fewer frames than predicted fit, a tenth more do not."""
    case = Case(method=method, height=size[0], width=size[1], num_classes=3, **MODELS[method])
    predicted = Predictor(case, cpu_scratch).most_frames(budget)
    assert predicted >= 10
    outcomes = {}
    for share in (0.9, 1.1):
        request = TrialRequest(case=case, budget_kind="cpu", budget_bytes=budget, frames=round(share * predicted))
        trial = run_trial(request, timeout_s=120)
        outcomes[share] = trial.outcome
    assert outcomes == {0.9: "fits", 1.1: "out of memory"}
