"""The detector in the form in which it predicts on CPUs, against the plain one.

Legend: F frames, S positions of all levels, L levels, P points, c channels of a head.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from vita.blocks.backbone import Backbone, FrozenBatchNorm, ResNetOptions, SwinOptions
from vita.blocks.deformable_attention import own_places, sample_levels
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.frame_detector import FrameDetector
from vita.blocks.pixel_decoder import PixelLevel
from vita.blocks.prediction_form import adopt_prediction_form
from vita.blocks.sampling_kernel import sample_around

CPU = torch.device("cpu")
RESNET = ResNetOptions(stem_channels=8, channels=(8, 16, 24, 32), depths=(1, 2, 1, 1), block="basic")
SWIN = SwinOptions(kind="swin", channels=8, depths=(1, 1, 1, 1), heads=(1, 2, 2, 4), window=3)


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def random_norms(model: nn.Module) -> None:
    """Statistics that are no constants of a fresh model, and offsets that leave the maps."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm | nn.BatchNorm2d):
            for name, low in (("weight", 0.5), ("bias", -1.0), ("running_mean", -1.0), ("running_var", 0.5)):
                getattr(module, name).data.uniform_(low, low + 1.5)
    for name, parameter in model.named_parameters():
        if "sampling_offsets" in name or "attention_weights" in name:
            nn.init.normal_(parameter, std=0.5)


def in_both_forms(model: nn.Module) -> tuple[nn.Module, nn.Module]:
    random_norms(model)
    model.eval()
    other = copy.deepcopy(model)
    adopt_prediction_form(other, CPU)
    return model, other


@given(
    seed=st.integers(0, 10_000), frames=st.integers(1, 3), points=st.integers(1, 4), spread=st.sampled_from([0.4, 3])
)
def test_the_kernel_samples_as_the_plain_path(seed: int, frames: int, points: int, spread: float) -> None:
    """Offsets of many positions lead outside of the maps, where values are zero."""
    random = torch.Generator().manual_seed(seed)
    sizes, heads, channels = [(2, 3), (5, 1), (4, 7)], 2, 5
    reference = torch.cat([own_places(size, torch.zeros(())) for size in sizes])
    values = torch.randn(frames, len(reference), heads, channels, generator=random)
    offsets = torch.randn(frames, len(reference), heads, len(sizes), points, 2, generator=random) * spread
    weights = torch.rand(offsets.shape[:-1], generator=random)
    scale = torch.tensor([[width, height] for height, width in sizes])[:, None]
    places = reference[:, None, None, None] + offsets / scale
    found = sample_around(values, sizes, reference, offsets, weights)
    assert_close(found, sample_levels(values, sizes, places, weights), atol=2e-5, rtol=2e-5)


def test_one_place_on_one_level_by_hand() -> None:
    # A map of 1 x 2 pixels, 10 and 20. The first query lies on the first one; half a pixel to the right of it is 15, a
    # quarter to the left, where the map ends, three quarters of 10; two to the left is nothing.
    values = torch.tensor([10.0, 20.0]).view(1, 2, 1, 1)
    offsets = torch.tensor([[0.5, 0.0], [-0.25, 0.0], [-2.0, 0.0], [0.0, -0.5]]).view(1, 1, 1, 1, 4, 2)
    reference = own_places((1, 2), torch.zeros(()))[:1]
    for point, expected in enumerate([15.0, 7.5, 0.0, 5.0]):
        weights = torch.zeros(1, 1, 1, 1, 4)
        weights[..., point] = 1
        assert sample_around(values, [(1, 2)], reference, offsets, weights).item() == expected


def test_places_that_are_no_numbers_break_nothing() -> None:
    values, reference = torch.ones(1, 6, 1, 2), own_places((2, 3), torch.zeros(()))
    offsets = torch.zeros(1, 6, 1, 1, 3, 2)
    offsets[..., 0, 0], offsets[..., 1, 1], offsets[..., 2, 0] = torch.nan, torch.inf, -1e30
    assert sample_around(values, [(2, 3)], reference, offsets, torch.ones(1, 6, 1, 1, 3)).shape == (1, 6, 2)


@pytest.mark.usefixtures("two_threads")
def test_threads_change_no_bit() -> None:
    random = torch.Generator().manual_seed(0)
    reference = own_places((7, 9), torch.zeros(()))
    values, offsets = torch.randn(3, 63, 2, 4, generator=random), torch.randn(3, 63, 2, 1, 4, 2, generator=random)
    weights = torch.rand(3, 63, 2, 1, 4, generator=random)
    together = sample_around(values, [(7, 9)], reference, offsets, weights)
    torch.set_num_threads(1)
    assert torch.equal(sample_around(values, [(7, 9)], reference, offsets, weights), together)


@torch.no_grad()
@pytest.mark.parametrize("norm", ["frozen", "trained"])
@pytest.mark.parametrize("backbone", [RESNET, SWIN], ids=["resnet", "swin"])
def test_the_last_prediction_of_the_frame_detector(backbone: ResNetOptions | SwinOptions, norm: str) -> None:
    torch.manual_seed(0)
    small = {"channels": 32, "heads": 4, "feedforward": 48, "pixel_feedforward": 48, "pixel_layers": 2, "queries": 5}
    options = DetectorOptions.model_validate({**small, "backbone": backbone, "norm": norm})
    plain, fast = in_both_forms(FrameDetector(options, 3))
    images = torch.randn(2, 3, 96, 64)
    expected, found = plain(images), fast(images)
    for name in ("queries", "class_logits", "mask_logits"):
        assert_close(getattr(found, name), getattr(expected, name)[-1:], atol=1e-4, rtol=1e-4, msg=name)
    assert_close(found.pixel_map, expected.pixel_map, atol=1e-4, rtol=1e-4)
    assert_close(fast.pixel_maps(images), plain.pixel_maps(images), atol=1e-4, rtol=1e-4)
    assert len(found.queries) == 1 < len(expected.queries)


@torch.no_grad()
def test_maps_of_the_methods_that_decode_them_themselves() -> None:
    torch.manual_seed(0)
    options = DetectorOptions(channels=32, heads=4, pixel_feedforward=48, pixel_layers=2, backbone=RESNET)
    images = torch.randn(2, 3, 64, 96)
    plain, fast = in_both_forms(PixelLevel(options))
    expected, found = plain(images), fast(images)
    for one, other in zip(
        [*found.levels, found.mask_features], [*expected.levels, expected.mask_features], strict=True
    ):
        assert_close(one, other, atol=1e-4, rtol=1e-4)
    for one, other in zip(*(form(images) for form in in_both_forms(Backbone(RESNET, "frozen"))), strict=True):
        assert_close(one, other, atol=1e-4, rtol=1e-4)


def test_a_frozen_norm_by_hand() -> None:
    """A convolution that doubles, then (x - 1) / sqrt(4) * 3 + 5: 2 becomes (4 - 1) / 2 * 3 + 5 = 9.5."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution, self.normalization = nn.Conv2d(1, 1, 1, bias=False), FrozenBatchNorm(1, 0.0)

        def forward(self, maps: Tensor) -> Tensor:
            normed: Tensor = self.normalization(self.convolution(maps))
            return normed

    class Level(PixelLevel):
        def __init__(self) -> None:
            nn.Module.__init__(self)
            self.block = Block()

    level = Level()
    nn.init.constant_(level.block.convolution.weight, 2.0)
    for name, value in {"weight": 3.0, "bias": 5.0, "running_mean": 1.0, "running_var": 4.0}.items():
        getattr(level.block.normalization, name).fill_(value)
    adopt_prediction_form(level.eval(), CPU)
    assert isinstance(level.block.normalization, nn.Identity)
    assert level.block(torch.full((1, 1, 1, 1), 2.0)).item() == 9.5


def test_other_devices_keep_the_plain_form() -> None:
    level = PixelLevel(DetectorOptions(channels=32, heads=4, pixel_layers=1, backbone=RESNET)).eval()
    kinds = [type(module) for module in level.modules()]
    adopt_prediction_form(level, torch.device("meta"))
    assert [type(module) for module in level.modules()] == kinds
