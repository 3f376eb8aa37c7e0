"""Frames on demand and the arithmetic of resizing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vita.core.contract import FrameSource, UserError
from vita.data.augment.resize import nearest_pixels, resize_frame, short_edge_size
from vita.data.augment.transforms import Resize
from vita.data.frames import VideoFrames
from vita.data.ytvis import Split, read_split, read_video_frame


@pytest.fixture(scope="module")
def split(shapes_root: Path) -> Split:
    return read_split(shapes_root / "valid" / "instances.json", shapes_root / "valid" / "JPEGImages")


def test_stored_size(split: Split) -> None:
    source: FrameSource = VideoFrames(split.videos[0])
    frames = source.read(2, 5)
    assert len(source) == 12
    assert (frames.dtype, frames.shape) == (torch.uint8, (3, 3, 32, 48))
    np.testing.assert_array_equal(frames[1].permute(1, 2, 0).numpy(), read_video_frame(split.videos[0], 3))


def test_resized_frames_report_the_stored_size(split: Split) -> None:
    source = VideoFrames(split.videos[0], short_edge=16)
    assert source.read(0, 2).shape == (2, 3, 16, 24)
    assert (source.out_height, source.out_width) == (32, 48)


def test_chunks_join_to_the_whole(split: Split) -> None:
    source = VideoFrames(split.videos[0], short_edge=20)
    whole = source.read(0, len(source))
    assert torch.equal(torch.cat([source.read(start, start + 5) for start in (0, 5, 10)]), whole)


def test_wrong_declared_size(split: Split) -> None:
    video = replace(split.videos[0], height=31)
    with pytest.raises(UserError, match=r"00000.jpg: frame of size \[32, 48\]"):
        VideoFrames(video).read(0, 1)


@pytest.mark.parametrize(
    "height, width, short_edge, max_edge, expected",
    [
        (720, 1280, 360, 1333, (360, 640)),
        (1280, 720, 360, 1333, (640, 360)),
        (100, 1000, 360, 1333, (133, 1333)),  # 3600 would pass the limit; 1333 / 1000 * 100 = 133.3
        (64, 96, 33, 768, (33, 50)),  # 96 * 33 / 64 = 49.5, halves round up
        (1, 5000, 10, 100, (1, 100)),  # never below a pixel
    ],
)
def test_short_edge_size(height: int, width: int, short_edge: int, max_edge: int, expected: tuple[int, int]) -> None:
    assert short_edge_size(height, width, short_edge, max_edge) == expected


def test_resizing_keeps_constant_frames_and_doubles_masks() -> None:
    assert (resize_frame(np.full((4, 6, 3), 77, np.uint8), (7, 9)) == 77).all()
    mask = np.array([[True, False], [False, True]])
    doubled = Resize((2, 2), (4, 4)).mask(mask)
    np.testing.assert_array_equal(doubled, np.kron(mask, np.ones((2, 2), bool)))


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 200)] * 4), st.integers(0, 2**32 - 1))
def test_masks_are_resized_as_pillow_does(sizes: tuple[int, int, int, int], seed: int) -> None:
    height, width, new_height, new_width = sizes
    mask = np.random.default_rng(seed).random((height, width)) < 0.5
    picture = Image.fromarray(mask.astype(np.uint8)).resize((new_width, new_height), Image.Resampling.NEAREST)
    for layout in (mask, np.asfortranarray(mask)):
        resized = Resize((height, width), (new_height, new_width)).mask(layout)
        np.testing.assert_array_equal(resized, np.asarray(picture).astype(bool))


def test_nearest_pixels_by_hand() -> None:
    # Pixel i of 3 lies at (i + 1/2) * 5 / 3 = 0.83, 2.5, 4.17 of a line of 5.
    assert nearest_pixels(5, 3).tolist() == [0, 2, 4]
