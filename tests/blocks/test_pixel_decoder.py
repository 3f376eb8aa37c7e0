"""The pixel level alone is the one inside the frame detector."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vita.blocks.backbone import FrozenBatchNorm
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.frame_detector import FrameDetector
from vita.blocks.pixel_decoder import FullPrecisionPixelDecoder, PixelLevel

RESNET = {"kind": "resnet", "block": "basic", "depths": [1] * 4, "stem_channels": 8, "channels": [8, 16, 24, 32]}
SWIN = {"kind": "swin", "channels": 8, "depths": [1] * 4, "heads": [1, 2, 2, 4], "window": 3, "drop_path": 0.0}


def options(backbone: dict, norm: str = "frozen") -> DetectorOptions:
    sizes = {"channels": 32, "heads": 4, "feedforward": 32, "queries": 6, "pixel_layers": 1, "pixel_feedforward": 32}
    return DetectorOptions(backbone=backbone, norm=norm, decoder_layers=1, **sizes)


def build(backbone: dict, norm: str = "frozen") -> PixelLevel:
    torch.manual_seed(0)
    return PixelLevel(options(backbone, norm))


def images() -> Tensor:
    return torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_four_strides() -> None:
    maps = build(RESNET).eval()(images())
    assert [tuple(level.shape) for level in maps.levels] == [(2, 32, 2, 3), (2, 32, 4, 6), (2, 32, 8, 12)]
    assert maps.mask_features.shape == (2, 32, 16, 24)


@pytest.mark.parametrize("backbone", [RESNET, SWIN])
@torch.no_grad()
def test_the_detectors_own(backbone: dict) -> None:
    alone = build(backbone).eval()
    inside = FrameDetector(options(backbone), num_classes=3).eval().mask2former.pixel_level_module
    inside.encoder.load_state_dict(alone.backbone.state_dict())
    inside.decoder.load_state_dict(alone.decoder.state_dict())
    maps, expected = alone(images()), inside(images())
    for level, other in zip(maps.levels, expected.decoder_hidden_states, strict=True):
        assert_close(level, other, atol=1e-5, rtol=1e-5)
    assert_close(maps.mask_features, expected.decoder_last_hidden_state, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_frames_are_seen_one_by_one() -> None:
    model, frames = build(RESNET).eval(), images()
    together = model(frames)
    for number in range(2):
        alone = model(frames[number : number + 1])
        assert_close(together.mask_features[number], alone.mask_features[0], atol=1e-4, rtol=1e-4)
        assert_close(together.levels[2][number], alone.levels[2][0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("norm", "frozen"), [("frozen", True), ("trained", False)])
def test_batch_norm_as_it_is_asked_for(norm: str, frozen: bool) -> None:
    kinds = {type(module) for module in build(RESNET, norm).modules()}
    assert (FrozenBatchNorm in kinds) == frozen
    assert (torch.nn.BatchNorm2d in kinds) != frozen


def test_every_weight_learns() -> None:
    model = build(RESNET, "trained").train()
    maps = model(images())
    sum(level.square().mean() for level in (*maps.levels, maps.mask_features)).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("backbone", [RESNET, SWIN])
@torch.no_grad()
def test_kept_out_of_autocast(backbone: dict, dtype: torch.dtype) -> None:
    """Alone and inside the frame detector: the same bits as in 32 bits, from the same half-precision maps."""
    level = build(backbone).eval()
    with torch.autocast("cpu", dtype=dtype):
        stages = tuple(stage.to(dtype) for stage in level.backbone_maps(images()))
        maps = level.decode(stages)
    exact = level.decode(tuple(stage.float() for stage in stages))
    for ours, wanted in zip((*maps.levels, maps.mask_features), (*exact.levels, exact.mask_features), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, wanted)
    inside = FrameDetector(options(backbone), num_classes=3).mask2former.pixel_level_module.decoder
    assert type(inside) is type(level.decoder) is FullPrecisionPixelDecoder
