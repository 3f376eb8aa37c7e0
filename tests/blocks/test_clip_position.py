"""The position of a token in its clip, by hand and by its symmetries."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close
from transformers.models.mask2former.modeling_mask2former import Mask2FormerSinePositionEmbedding

from vita.blocks.clip_position import position_in_clip, waves

CPU = torch.device("cpu")
sizes = st.integers(1, 6)


def position(*shape: int) -> Tensor:
    return position_in_clip(torch.Size(shape), CPU)


def test_one_token_by_hand() -> None:
    # Frame 2 of 4, row 1 of 2, column 3 of 3; 4 channels: two of y, two of x, and over all of them four of time.
    y, x, t = (2 * math.pi * share for share in (1 / 2, 3 / 3, 2 / 4))
    image = [math.sin(y), math.cos(y), math.sin(x), math.cos(x)]
    time = [math.sin(t), math.cos(t), math.sin(t / 100), math.cos(t / 100)]  # 10000 to the power of 2 / 4
    expected = torch.tensor(image) + torch.tensor(time)
    assert_close(position(4, 2, 3, 4)[1, 0, 2], expected, atol=1e-5, rtol=0)


@given(frames=sizes, height=sizes, width=sizes)
def test_an_images_position_plus_that_of_time(frames: int, height: int, width: int) -> None:
    image = Mask2FormerSinePositionEmbedding(8, normalize=True)(torch.Size((1, 16, height, width)), CPU, torch.float32)
    expected = image[0].permute(1, 2, 0) + waves(frames, 16, CPU)[:, None, None]
    assert_close(position(frames, height, width, 16), expected, atol=1e-5, rtol=0)


@given(frames=st.integers(1, 4))
def test_time_is_a_share_of_the_clip(frames: int) -> None:
    """A frame of a clip lies where the frame at the same share of a clip of twice the length lies."""
    assert_close(position(frames, 2, 2, 8), position(2 * frames, 2, 2, 8)[1::2], atol=1e-5, rtol=0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_axis_is_told_apart(axis: int) -> None:
    whole = position(3, 4, 5, 32)
    assert whole.diff(dim=axis).abs().amax(-1).min() > 0.1
