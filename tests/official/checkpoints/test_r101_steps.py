"""VITA with ResNet-101 on published weights takes steps in half precision: from random weights, its maps overflowed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from half_on_cpu import HalfOnCpu
from published_files import zoo_pickle
from test_published_backbones import recipe

from vita.core.contract import Clip
from vita.core.plugins import find_method
from vita.core.run_config import TrainConfig
from vita.engine.checkpoint import load_backbone, save_weights
from vita.engine.optimizer import build_optimizer
from vita.engine.step import take_step
from vita.official.checkpoints.published import Request, read_published

OPTIONS = {"detector": {"backbone": {"kind": "resnet", "depths": [3, 4, 23, 3]}}}
SCHEDULE = TrainConfig(iterations=2, clips_per_batch=1, clip_frames=1, frame_range=1, learning_rate=5e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_step_on_the_backbone_of_a_file_has_finite_losses(dtype: torch.dtype, tmp_path: Path) -> None:
    request = Request("vita", OPTIONS, holds="backbone")
    read = read_published(zoo_pickle(tmp_path / "R-101.pkl", recipe("resnet101")), request)
    save_weights(read.state, tmp_path / "start.safetensors")
    torch.manual_seed(0)
    model = find_method("vita").build(OPTIONS, 40).train()
    load_backbone(model, model.backbone_parameters(), tmp_path / "start.safetensors")  # type: ignore[operator]
    frames = torch.randint(0, 256, (1, 3, 64, 96), dtype=torch.uint8)
    masks = torch.zeros(2, 1, 64, 96, dtype=torch.bool)
    masks[0, :, 8:40, 8:40], masks[1, :, 30:60, 50:90] = True, True
    ids = torch.tensor([[1], [2]])
    clip = Clip(frames, masks, torch.tensor([3, 7]), ids, ids > 0, 0, (0,))
    optimizer = build_optimizer(model, model.backbone_parameters(), SCHEDULE)  # type: ignore[operator]
    taken = take_step(HalfOnCpu(dtype), model, optimizer, SCHEDULE, 0, lambda: model([clip]))  # type: ignore[arg-type]
    assert all(bool(term.value.isfinite()) for term in taken.losses.terms)
    assert bool(taken.gradient_norm.isfinite()) and taken.gradient_norm > 0
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())
