"""Run in a copy of the package to which a backbone `convnext` was added: it trains, and its published file is read.

Usage: new_backbone.py FILE_TO_WRITE
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from vita.core.contract import Clip
from vita.core.plugins import find_method
from vita.core.run_config import TrainConfig
from vita.engine.optimizer import build_optimizer
from vita.official.checkpoints.published import Request, read_published
from vita.official.checkpoints.state_dict import official_names_of
from vita.official.plugins import find_official

BACKBONE = {"kind": "convnext", "channels": [8, 16, 24, 32], "depths": [1, 1, 2, 1]}
DETECTOR = {"backbone": BACKBONE, "channels": 32, "heads": 2, "feedforward": 32, "queries": 5, "pixel_layers": 1}
OPTIONS = {
    "detector": {**DETECTOR, "pixel_feedforward": 32, "decoder_layers": 3},
    "heads": 2,
    "feedforward": 32,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "video_queries": 4,
    "frame_points": 16,
    "video_points": 16,
}


def one_object() -> Clip:
    """Two frames of 64 x 64 pixels with a square in both."""
    masks = torch.zeros(1, 2, 64, 64, dtype=torch.bool)
    masks[..., 16:40, 16:40] = True
    frames = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    ids = torch.zeros(1, 2, dtype=torch.int64)
    return Clip(frames, masks, torch.tensor([1]), ids, torch.ones(1, 2, dtype=torch.bool), 0, (0, 1))


def main(file: Path) -> None:
    torch.manual_seed(0)
    model = find_method("vita").build(OPTIONS, 3).train()
    schedule = TrainConfig(iterations=1, clips_per_batch=1, clip_frames=2, frame_range=2, learning_rate=1e-3)
    backbone = model.backbone_parameters()
    before = [parameter.detach().clone() for parameter in backbone]
    optimizer = build_optimizer(model, backbone, schedule)
    model([one_object()]).total.backward()
    optimizer.step()
    assert all(not torch.equal(old, new) for old, new in zip(before, backbone, strict=True))

    own = model.state_dict()
    official = official_names_of(own, find_official("vita"))
    alone = {key.removeprefix("backbone."): t for key, t in official.items() if key.startswith("backbone.")}
    torch.save({"model": {**alone, "head.weight": torch.zeros(1000, 32), "head.bias": torch.zeros(1000)}}, file)
    read = read_published(file, Request("vita"))
    assert (read.holds, read.layout) == ("backbone", "original ConvNeXt of 8-16-24-32 channels")
    assert read.options["detector"]["backbone"] == {**BACKBONE, "channels": (8, 16, 24, 32), "depths": (1, 1, 2, 1)}
    assert sorted(read.left_out) == ["head.bias", "head.weight"]
    assert len(read.state) == len(alone) == len(backbone)
    assert all(torch.equal(tensor, own[name]) for name, tensor in read.state.items())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
