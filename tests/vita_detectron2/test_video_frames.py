"""Images of loaders as frames, which needs no detectron2. Legend: H W pixels."""

from __future__ import annotations

import pytest
import torch

from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import UserError
from vita_detectron2.architectures.clips import InputFrames, framed

CPU = torch.device("cpu")


def test_frames_of_different_sizes_are_padded_with_what_becomes_zero() -> None:
    large, small = (torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in ((32, 40), (20, 64)))
    seen = normalise_and_pad([framed([large, small], CPU)])
    assert seen.shape == (2, 3, 32, 64)
    assert torch.equal(seen[0, :, :, :40], normalise_and_pad([large[None]])[0, :, :, :40])
    assert torch.equal(seen[1, :, :20], normalise_and_pad([small[None]])[0, :, :20])
    assert not seen[0, :, :, 40:].any() and not seen[1, :, 20:].any()


def test_frames_of_a_video_to_predict() -> None:
    images = [torch.full((3, 4, 6), number, dtype=torch.uint8) for number in range(5)]
    frames = InputFrames({"image": images, "height": 8, "width": 12})
    assert (len(frames), frames.out_height, frames.out_width) == (5, 8, 12)
    assert frames.read(1, 3)[:, 0, 0, 0].tolist() == [1, 2]
    as_they_are = InputFrames({"image": images})
    assert (as_they_are.out_height, as_they_are.out_width) == (4, 6)
    with pytest.raises(UserError, match=r"video 3: frames of different sizes: \[\(4, 6\), \(5, 6\)\]"):
        InputFrames({"image": [*images, torch.zeros(3, 5, 6)], "video_id": 3})
