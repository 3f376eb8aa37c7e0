"""Frames of one video, read when they are asked for.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vita.core.contract import FrameSource, Video
from vita.data.augment.resize import resize_frame, short_edge_size
from vita.data.ytvis import read_video_frame


class VideoFrames:
    """A `FrameSource` over the stored frames of a video."""

    def __init__(self, video: Video, short_edge: int | None = None, max_edge: int = 1333) -> None:
        """Frames are resized bilinearly to this short edge, in pixels; None keeps the stored size."""
        self.out_height, self.out_width = video.height, video.width
        self._video = video
        self._size = (video.height, video.width)
        if short_edge is not None:
            self._size = short_edge_size(video.height, video.width, short_edge, max_edge)

    def __len__(self) -> int:
        return len(self._video.frame_paths)

    def read(self, start: int, stop: int) -> Tensor:
        """Frames [start, stop): (T, 3, H, W) uint8, RGB. Raises UserError on a bad or wrongly sized file."""
        numbers = range(len(self))[start:stop]
        frames = np.empty((len(numbers), *self._size, 3), np.uint8)
        for place, number in enumerate(numbers):
            frames[place] = resize_frame(read_video_frame(self._video, number), self._size)
        return torch.from_numpy(frames).permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True)
class FrameSlice:
    """A `FrameSource` of the frames [start, stop) of another."""

    video: FrameSource
    start: int
    stop: int

    @property
    def out_height(self) -> int:
        """Pixels of the stored frames."""
        return self.video.out_height

    @property
    def out_width(self) -> int:
        """Pixels of the stored frames."""
        return self.video.out_width

    def __len__(self) -> int:
        return self.stop - self.start

    def read(self, start: int, stop: int) -> Tensor:
        """See `FrameSource`."""
        return self.video.read(self.start + start, self.start + stop)
