"""Deformable attention against the library's plain path, and the frame decoder's masked attention against its own.

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
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import Mask2FormerConfig
from transformers.models.mask2former import modeling_mask2former as library

from vita.blocks.deformable_attention import adopt_encoder, own_places, sample_levels
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.initialisation import initialise_video_module
from vita.blocks.masked_attention import adopt_decoder

SMALL = DetectorOptions(channels=32, heads=4, feedforward=48, pixel_feedforward=48, pixel_layers=2, queries=5)


def configuration() -> Mask2FormerConfig:
    return SMALL.configuration()


@given(seed=st.integers(0, 10_000), frames=st.integers(1, 3), points=st.integers(1, 4))
def test_sampling_is_the_librarys_with_its_gradients(seed: int, frames: int, points: int) -> None:
    random = torch.Generator().manual_seed(seed)
    sizes, heads, channels = [(2, 3), (5, 1), (4, 7)], 2, 3
    total = sum(height * width for height, width in sizes)
    values = torch.randn(frames, total, heads, channels, generator=random, dtype=torch.float64)
    # Some places lie outside of the maps, where values are zero.
    places = torch.rand(frames, 6, heads, len(sizes), points, 2, generator=random, dtype=torch.float64) * 1.6 - 0.3
    weights = torch.rand(frames, 6, heads, len(sizes), points, generator=random, dtype=torch.float64)
    wanted = torch.randn(frames, 6, heads * channels, generator=random, dtype=torch.float64)
    given = [tensor.requires_grad_() for tensor in (values, places, weights)]
    results = [
        sample_levels(values, sizes, places, weights),
        library.multi_scale_deformable_attention(values, sizes, places, weights),
    ]
    gradients = [torch.autograd.grad(result, given, wanted) for result in results]
    assert_close(*results, atol=1e-12, rtol=1e-12)
    for ours, plain in zip(*gradients, strict=True):
        assert_close(ours, plain, atol=1e-10, rtol=1e-10)


def test_one_place_on_one_level_by_hand() -> None:
    # A map of 1 x 2 pixels, 10 and 20, whose centres lie at 1/4 and 3/4 of its width: half-way between them is 15.
    values = torch.tensor([10.0, 20.0]).view(1, 2, 1, 1)
    places = torch.tensor([[0.5, 0.5], [0.25, 0.5], [1.25, 0.5]]).view(1, 3, 1, 1, 1, 2)
    weights = torch.tensor([2.0, 1.0, 1.0]).view(1, 3, 1, 1, 1)
    assert sample_levels(values, [(1, 2)], places, weights).flatten().tolist() == [30.0, 10.0, 0.0]


def test_positions_lie_in_the_middle_of_their_cells() -> None:
    assert own_places((2, 1), torch.zeros(())).tolist() == [[0.5, 0.25], [0.5, 0.75]]


def random_weights(module: nn.Module) -> None:
    initialise_video_module(module)
    for name, parameter in module.named_parameters():
        if "sampling_offsets" in name or "attention_weights" in name:
            nn.init.normal_(parameter, std=0.5)


class ValuesAsked(TorchDispatchMode):
    """How often the value of a tensor was waited for."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def test_pixel_encoder_is_the_librarys_and_asks_for_no_value() -> None:
    torch.manual_seed(0)
    plain = library.Mask2FormerPixelDecoder(configuration(), [8, 16, 24, 32])
    random_weights(plain)
    nn.init.normal_(plain.level_embed)
    plain.double().train()
    ours = copy.deepcopy(plain)
    adopt_encoder(ours.encoder)
    maps = [torch.randn(2, c, s, s + 2, dtype=torch.float64) for c, s in ((8, 24), (16, 12), (24, 6), (32, 3))]
    with ValuesAsked() as asked_by_library:
        expected = plain(maps)
    with ValuesAsked() as asked:
        found = ours(maps)
    assert (asked_by_library.count, asked.count) == (SMALL.pixel_layers, 0)
    pairs = zip(found.multi_scale_features, expected.multi_scale_features, strict=True)
    for one, other in [*pairs, (found.mask_features, expected.mask_features)]:
        assert_close(one, other, atol=1e-10, rtol=1e-10)
    found.mask_features.square().sum().backward()
    expected.mask_features.square().sum().backward()
    assert_same_gradients(ours, plain)


def assert_same_gradients(ours: nn.Module, plain: nn.Module) -> None:
    gradients = dict(plain.named_parameters())
    largest = max(float(p.grad.abs().max()) for p in gradients.values() if p.grad is not None)
    for name, parameter in ours.named_parameters():
        other = gradients[name].grad
        assert (parameter.grad is None) == (other is None), name
        if parameter.grad is not None:
            assert_close(parameter.grad, other, atol=1e-11 * largest, rtol=1e-9)


@pytest.fixture
def decoders() -> Iterator[tuple[nn.Module, nn.Module]]:
    torch.manual_seed(0)
    plain = library.Mask2FormerTransformerModule(32, configuration())
    random_weights(plain)
    plain.double().train()
    ours = copy.deepcopy(plain)
    adopt_decoder(ours.decoder)
    yield ours, plain


def seen(module: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Queries and masks after every layer."""
    random = torch.Generator().manual_seed(4)
    levels = [torch.randn(2, 32, s, s + 1, generator=random, dtype=torch.float64) for s in (2, 4, 8)]
    features = torch.randn(2, 32, 16, 18, generator=random, dtype=torch.float64)
    output = module(levels, features)
    return list(output.intermediate_hidden_states), list(output.masks_queries_logits)


def test_masked_attention_is_the_librarys_with_its_gradients(decoders: tuple[nn.Module, nn.Module]) -> None:
    results = [seen(module) for module in decoders]
    assert len(results[0][1]) == SMALL.decoder_layers + 1
    for ours, plain in zip(*results, strict=True):
        for one, other in zip(ours, plain, strict=True):
            assert_close(one, other, atol=1e-10, rtol=1e-10)
    for queries, masks in results:
        (sum(q.square().sum() for q in queries) + sum(m.sum() for m in masks)).backward()
    assert_same_gradients(*decoders)


def test_the_mask_is_one_for_all_heads(decoders: tuple[nn.Module, nn.Module]) -> None:
    queries = torch.randn(5, 2, 32, dtype=torch.float64)
    features = torch.randn(2, 32, 16, 18, dtype=torch.float64)
    ours, plain = (module.decoder.mask_predictor(queries, features, (4, 5)) for module in decoders)
    assert ours[1].shape == (2, 5, 20) and plain[1].shape == (2 * SMALL.heads, 5, 20)
    assert torch.equal(ours[1].repeat_interleave(SMALL.heads, 0), plain[1])
    assert 0 < ours[1].double().mean() < 1
