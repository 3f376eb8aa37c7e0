"""Who hears of whom: positions of one frame, its memory tokens, and the memory tokens of other frames."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from vita.blocks.clip_dropout import ClipDropout
from vita_baselines.ifc.decoder import ClipDecoder
from vita_baselines.ifc.encoder import InterFrameEncoder
from vita_baselines.ifc.position import padding_of, sine_position

CPU = torch.device("cpu")
SIZES = {"channels": 32, "heads": 4, "feedforward": 48, "dropout": 0.0}
MEMORY = 3


def encoder(layers: int = 2) -> InterFrameEncoder:
    torch.manual_seed(0)
    return InterFrameEncoder(**SIZES, layers=layers, memory_tokens=MEMORY).eval()


def decoder() -> ClipDecoder:
    torch.manual_seed(1)
    return ClipDecoder(**SIZES, layers=2, queries=5).eval()


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def padded_at_the_right(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Maps (B, T, C, h, w) with a row and two columns of large noise after them, and where that is."""
    clips, frames, channels, height, width = maps.shape
    whole = 9 * noise(clips, frames, channels, height + 1, width + 2, seed=1)
    whole[..., :height, :width] = maps
    padding = torch.ones(clips, frames, height + 1, width + 2, dtype=torch.bool)
    padding[..., :height, :width] = False
    return whole, padding


# Position


def test_padding_by_hand() -> None:
    # 33 x 64 pixels reach into 2 x 2 positions of 32 pixels, 32 x 65 into 1 x 3.
    padding = padding_of([(33, 64), (32, 65)], (2, 3), 32, CPU)
    assert padding.tolist() == [[[0, 0, 1], [0, 0, 1]], [[0, 0, 0], [1, 1, 1]]]


def test_position_by_hand() -> None:
    # Row 1 of 2, column 2 of 3: half a turn and two thirds; with 8 channels the second frequency is 1 / 100.
    found = sine_position(torch.zeros(1, 2, 3, dtype=torch.bool), 8)[0, :, 0, 1]
    y, x = math.pi, 4 * math.pi / 3
    expected = [f(angle / scale) for angle in (y, x) for scale in (1, 100) for f in (math.sin, math.cos)]
    assert_close(found, torch.tensor(expected), atol=1e-5, rtol=0)


@given(height=st.integers(1, 4), width=st.integers(1, 4), below=st.integers(0, 2), right=st.integers(0, 2))
def test_padding_moves_no_position(height: int, width: int, below: int, right: int) -> None:
    padding = torch.ones(1, height + below, width + right, dtype=torch.bool)
    padding[:, :height, :width] = False
    alone = sine_position(torch.zeros(1, height, width, dtype=torch.bool), 8)
    assert_close(sine_position(padding, 8)[..., :height, :width], alone)


# Communication


@torch.no_grad()
def test_padding_changes_nothing() -> None:
    maps = noise(2, 3, 32, 2, 3)
    whole, padding = padded_at_the_right(maps)
    alone, padded = encoder()(maps, None), encoder()(whole, padding)
    assert_close(padded.maps(3, 5)[..., :2, :3], alone.maps(2, 3), atol=1e-5, rtol=1e-5)
    assert_close(padded.values[:, :, -MEMORY:], alone.values[:, :, -MEMORY:], atol=1e-5, rtol=1e-5)
    assert_close(decoder()(padded), decoder()(alone), atol=1e-5, rtol=1e-5)
    unmasked = encoder()(whole, None)  # and without the mask it would change something
    assert (unmasked.values[:, :, -MEMORY:] - alone.values[:, :, -MEMORY:]).abs().max() > 0.1


@torch.no_grad()
def test_no_padding_is_no_mask() -> None:
    maps = noise(1, 2, 32, 2, 3)
    masked = encoder()(maps, torch.zeros(1, 2, 2, 3, dtype=torch.bool))
    assert_close(decoder()(masked), decoder()(encoder()(maps, None)), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_a_batch_is_its_clips_one_by_one() -> None:
    maps = noise(3, 2, 32, 2, 2)
    together = decoder()(encoder()(maps, None))
    alone = [decoder()(encoder()(clip[None], None)) for clip in maps]
    assert_close(together, torch.cat(alone, 1), atol=1e-5, rtol=1e-5)


def change_elsewhere(layers: int) -> tuple[Tensor, Tensor]:
    """How much positions and memory tokens of the last frame change when the first one does."""
    maps = noise(1, 3, 32, 2, 3)
    other = maps.clone()
    other[:, 0] = noise(32, 2, 3, seed=2)
    before, after = (encoder(layers)(m, None).values[0, -1] for m in (maps, other))
    difference = (before - after).abs()
    return difference[:-MEMORY].max(), difference[-MEMORY:].max()


@torch.no_grad()
def test_news_travels_by_memory_tokens_one_layer_at_a_time() -> None:
    positions, memory = change_elsewhere(layers=1)
    assert positions == 0
    assert memory > 1e-3
    positions, memory = change_elsewhere(layers=2)
    assert positions > 1e-4
    assert memory > 1e-3


@torch.no_grad()
def test_without_memory_layers_frames_are_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InterFrameEncoder, "_between_frames", lambda _self, _layer, tokens: tokens)
    assert change_elsewhere(layers=2) == (0, 0)


@torch.no_grad()
def test_memory_tokens_talk_to_those_of_their_number() -> None:
    model = encoder(1)
    tokens = model.tokens(noise(1, 3, 32, 1, 2), None)
    changed = tokens.values.clone()
    changed[0, 0, 2 + 1] += 1  # the first frame's second memory token, after 2 positions
    before, after = (
        model._between_frames(model.memory_layers[0], type(tokens)(v, tokens.position, None, MEMORY)).values
        for v in (tokens.values, changed)
    )
    touched = (before != after).any(-1)[0]
    assert touched.tolist() == [[False, False, False, True, False]] * 3


@torch.no_grad()
def test_time_has_no_position() -> None:
    maps, turned = noise(1, 3, 32, 2, 2), [2, 0, 1]
    before, after = encoder()(maps, None), encoder()(maps[:, turned], None)
    assert_close(after.values, before.values[:, turned], atol=1e-5, rtol=1e-5)
    assert_close(decoder()(after), decoder()(before), atol=1e-5, rtol=1e-5)


# Dropout


@pytest.mark.parametrize("build", [encoder, decoder])
def test_dropout_is_of_training_alone(build: Callable[[], torch.nn.Module]) -> None:
    model = build()
    for module in model.modules():
        if isinstance(module, ClipDropout):
            module.rate = 0.5
    inputs = (
        (noise(1, 2, 32, 2, 2), None)
        if isinstance(model, InterFrameEncoder)
        else (encoder()(noise(1, 2, 32, 2, 2), None),)
    )

    def values(seed: int) -> Tensor:
        torch.manual_seed(seed)
        output = model(*inputs)
        return output if isinstance(output, Tensor) else output.values

    assert torch.equal(values(1), values(2))
    model.train()
    assert torch.equal(values(1), values(1))
    assert not torch.equal(values(1), values(2))
