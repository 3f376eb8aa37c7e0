"""Frames of one video, read when they are asked for.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

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


class FrameSlice:
    """A `FrameSource` of the frames [start, stop) of another."""

    def __init__(self, video: FrameSource, start: int, stop: int) -> None:
        self.out_height, self.out_width = video.out_height, video.out_width
        self._video, self._start, self._stop = video, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def read(self, start: int, stop: int) -> Tensor:
        """See `FrameSource`."""
        return self._video.read(self._start + start, self._start + stop)
