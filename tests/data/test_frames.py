"""Frames on demand and the arithmetic of resizing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vita.contract import FrameSource, UserError
from vita.data.frames import VideoFrames
from vita.data.resize import resize_frame, resize_mask, short_edge_size
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
    np.testing.assert_array_equal(resize_mask(mask, (4, 4)), np.kron(mask, np.ones((2, 2), bool)))
