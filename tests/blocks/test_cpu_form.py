"""The detector in the form in which it trains on CPUs, against the plain one, with its gradients.

Legend: F frames, S positions of all levels, L levels, P points, c channels of a head.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from vita.blocks.backbone import ResNetOptions
from vita.blocks.cpu_form import _ShortSoftmax, adopt_cpu_form
from vita.blocks.deformable_attention import own_places, sample_levels
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.frame_detector import FrameDetector
from vita.blocks.pixel_decoder import PixelLevel
from vita.blocks.sampling_kernel import sample_around
from vita.core.contract import Clip
from vita.engine.recomputation import recompute_layers
from vita.model.method import Vita

CPU = torch.device("cpu")
RESNET = ResNetOptions(stem_channels=8, channels=(8, 16, 24, 32), depths=(1, 2, 1, 1), block="basic")
SMALL = {"channels": 32, "heads": 4, "pixel_feedforward": 48, "pixel_layers": 2, "backbone": RESNET}
SIZES, HEADS, CHANNELS = [(2, 3), (5, 1), (4, 7)], 2, 5


@pytest.fixture
def in_64_bits() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def case(seed: int, frames: int, points: int, spread: float, dtype: torch.dtype) -> list[Tensor]:
    """values (F, S, heads, c), reference (S, 2), offsets (F, S, heads, L, P, 2), weights (F, S, heads, L, P)."""
    random = torch.Generator().manual_seed(seed)
    reference = torch.cat([own_places(size, torch.zeros((), dtype=dtype)) for size in SIZES])
    values = torch.randn(frames, len(reference), HEADS, CHANNELS, generator=random, dtype=dtype)
    offsets = torch.randn(frames, len(reference), HEADS, len(SIZES), points, 2, generator=random, dtype=dtype) * spread
    weights = torch.rand(offsets.shape[:-1], generator=random, dtype=dtype)
    return [values.requires_grad_(), reference, offsets.requires_grad_(), weights.requires_grad_()]


def plainly(values: Tensor, reference: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    scale = torch.tensor([[width, height] for height, width in SIZES])[:, None]
    return sample_levels(values, SIZES, reference[:, None, None, None] + offsets / scale, weights)


def gradients(result: Tensor, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    wanted = torch.randn(result.shape, generator=torch.Generator().manual_seed(1), dtype=result.dtype)
    return torch.autograd.grad(result, [one for one in inputs if one.requires_grad], wanted)


@pytest.mark.parametrize(("dtype", "within"), [(torch.float64, 1e-11), (torch.float32, 2e-5)])
@given(
    seed=st.integers(0, 10_000), frames=st.integers(1, 3), points=st.integers(1, 4), spread=st.sampled_from([0.4, 3])
)
def test_the_kernels_gradients_are_those_of_the_plain_path(
    seed: int, frames: int, points: int, spread: float, dtype: torch.dtype, within: float
) -> None:
    """Offsets of many positions lead outside of the maps, where values are zero and nothing is passed back."""
    inputs = case(seed, frames, points, spread, dtype)
    values, reference, offsets, weights = inputs
    ours, plain = sample_around(values, SIZES, reference, offsets, weights), plainly(*inputs)
    assert_close(ours, plain, atol=within, rtol=within)
    for one, other in zip(gradients(ours, inputs), gradients(plain, inputs), strict=True):
        assert_close(one, other, atol=within * 10, rtol=within * 10)


def test_gradients_by_hand() -> None:
    # A map of 1 x 2 pixels, 10 and 20; half-way between them 15, 10 more a pixel to the right, 15 less one down.
    values = torch.tensor([10.0, 20.0]).view(1, 2, 1, 1).requires_grad_()
    offsets = torch.tensor([[0.5, 0.0]]).view(1, 1, 1, 1, 1, 2).requires_grad_()
    weights = torch.full((1, 1, 1, 1, 1), 2.0, requires_grad=True)
    sample_around(values, [(1, 2)], own_places((1, 2), torch.zeros(()))[:1], offsets, weights).backward()
    assert values.grad is not None and offsets.grad is not None and weights.grad is not None
    assert values.grad.flatten().tolist() == [1.0, 1.0]
    assert offsets.grad.flatten().tolist() == [20.0, -30.0] and weights.grad.item() == 15.0


def test_the_short_softmax_passes_numerical_gradients() -> None:
    logits = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert_close(_ShortSoftmax.apply(logits), logits.softmax(-1))
    assert torch.autograd.gradcheck(_ShortSoftmax.apply, (logits,))


@pytest.mark.usefixtures("two_threads")
def test_threads_change_no_bit_of_gradients() -> None:
    inputs = case(0, 3, 4, 1.0, torch.float32)
    together = gradients(sample_around(inputs[0], SIZES, *inputs[1:]), inputs)
    torch.set_num_threads(1)
    alone = gradients(sample_around(inputs[0], SIZES, *inputs[1:]), inputs)
    assert all(torch.equal(*pair) for pair in zip(together, alone, strict=True))


@pytest.mark.usefixtures("in_64_bits")
@pytest.mark.parametrize("recomputed", [False, True])
@pytest.mark.parametrize("norm", ["frozen", "trained"])
def test_vita_has_the_same_losses_and_gradients(
    tiny_vita: Callable[..., Vita], random_clip: Callable[..., Clip], norm: str, recomputed: bool
) -> None:
    plain = tiny_vita(norm=norm).train()
    for name, parameter in plain.named_parameters():
        if "sampling_offsets" in name or "attention_weights" in name:
            nn.init.normal_(parameter, std=0.5)
    other = copy.deepcopy(plain)
    adopt_cpu_form(other, CPU)
    if recomputed:
        recompute_layers(other)
    for model in (plain, other):
        torch.manual_seed(1)
        model([random_clip(0), random_clip(1)]).total.backward()
    expected = {name: parameter.grad for name, parameter in plain.named_parameters()}
    largest = max(float(one.abs().max()) for one in expected.values() if one is not None)
    for name, parameter in other.named_parameters():
        assert (parameter.grad is None) == (expected[name] is None), name
        if parameter.grad is not None:
            assert_close(parameter.grad, expected[name], atol=1e-9 * largest, rtol=1e-7, msg=name)
    assert {name: tensor.shape for name, tensor in other.state_dict().items()} == {
        name: tensor.shape for name, tensor in plain.state_dict().items()
    }


@torch.no_grad()
def test_maps_of_the_methods_that_decode_them_themselves() -> None:
    torch.manual_seed(0)
    plain = PixelLevel(DetectorOptions.model_validate(SMALL)).eval()
    other = copy.deepcopy(plain)
    adopt_cpu_form(other, CPU)
    images = torch.randn(2, 3, 64, 96)
    expected, found = plain(images), other(images)
    for one, wanted in zip(
        [*found.levels, found.mask_features], [*expected.levels, expected.mask_features], strict=True
    ):
        assert_close(one, wanted, atol=1e-4, rtol=1e-4)


def test_other_devices_keep_the_plain_form() -> None:
    detector = FrameDetector(DetectorOptions.model_validate(SMALL), 3)
    kinds = [type(module) for module in detector.modules()]
    adopt_cpu_form(detector, torch.device("meta"))
    assert [type(module) for module in detector.modules()] == kinds
    adopt_cpu_form(detector, CPU)
    assert [type(module) for module in detector.modules()] != kinds
