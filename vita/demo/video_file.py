"""Videos of one's own: a file that FFmpeg reads, or a folder of pictures.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vita.core.contract import UserError, Video
from vita.data.augment.resize import resize_frame, short_edge_size
from vita.data.frames import VideoFrames
from vita.data.name_order import natural_key
from vita.data.pictures import PICTURES, is_picture, picture_size
from vita.data.ytvis import read_video_frame
from vita.demo.video_stream import DEFAULT_RATE, Timing, decoded, read_facts

NOT_READ = frozenset({".avif", ".gif", ".heic", ".heif", ".jp2", ".jxl"})  # endings of pictures in other formats
MAX_EDGE = 8192  # pixels; players and the encoder take no more


class VideoFile:
    """A `FrameSource` over a video file, read forwards; a frame before the last one read is reached from the start."""

    def __init__(self, path: Path, short_edge: int | None, max_edge: int) -> None:
        """Frames are resized to this short edge, in pixels; None keeps their size. Raises UserError on a bad file."""
        self._path = path
        self._frames: Iterator[np.ndarray] = iter(())
        self._next = -1  # the frame that comes next; -1 before the file is open
        facts = read_facts(path)
        self.timing, self.pixel_shape, self.missing = facts.timing, facts.pixel_shape, facts.missing
        self.out_height, self.out_width = height, width = facts.size
        self._size = (height, width) if short_edge is None else short_edge_size(height, width, short_edge, max_edge)

    def __len__(self) -> int:
        return len(self.timing.ticks)

    def read(self, start: int, stop: int) -> Tensor:
        """Frames [start, stop): (T, 3, H, W) uint8, RGB. Raises UserError when the file has changed meanwhile."""
        frames = [resize_frame(frame, self._size) for frame in self.stored(start, min(stop, len(self)))]
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).contiguous()

    def stored(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Frames [start, stop) in the size of the first, (H, W, 3) uint8 each."""
        if self._next < 0 or self._next > start:
            self._frames, self._next = decoded(self._path), 0
        for number in range(self._next, stop):
            frame = next(self._frames, None)
            if frame is None:
                raise UserError(
                    f"{self._path}: frame {number} of {len(self)} cannot be read any more: "
                    "the file has changed; give the whole video again"
                )
            self._next = number + 1
            if number >= start:
                yield resize_frame(frame, (self.out_height, self.out_width))


class StoredVideo(VideoFrames):
    """A `FrameSource` over the stored frames of a data set's video, shown at an even rate and in any size."""

    missing: str | None = None
    pixel_shape = Fraction(1)

    def __init__(
        self,
        video: Video,
        short_edge: int | None = None,
        max_edge: int = 1333,
        shown_edge: int | None = None,
        rate: Fraction = DEFAULT_RATE,
    ) -> None:
        """shown_edge: the short edge of frames that are shown, in pixels; None: as stored.  rate: frames a second."""
        super().__init__(video, short_edge, max_edge)
        self._stored = VideoFrames(video, shown_edge, MAX_EDGE)
        if shown_edge is not None:
            self.out_height, self.out_width = short_edge_size(video.height, video.width, shown_edge, MAX_EDGE)
        self.timing = Timing.even(rate, len(video.frame_paths))

    def stored(self, start: int, stop: int) -> Iterator[np.ndarray]:
        """Frames [start, stop) as they are shown, (H, W, 3) uint8 each."""
        for number in range(start, min(stop, len(self))):
            yield self._stored.read(number, number + 1)[0].permute(1, 2, 0).numpy()


class PictureFolder(StoredVideo):
    """A `FrameSource` over the pictures of a folder, in the order of their names, numbers by value; or over one."""

    def __init__(self, path: Path, short_edge: int | None, max_edge: int) -> None:
        """Raises UserError when there is no picture."""
        files = [path] if path.is_file() else sorted(path.iterdir(), key=lambda file: natural_key(file.name))
        pictures = list(filter(is_picture, files))
        if not pictures:
            raise UserError(f"{path}: no picture in this folder; allowed endings: {', '.join(sorted(PICTURES))}")
        height, width = picture_size(pictures[0])
        video = Video(1, path.name, height, width, tuple(pictures))
        _check_sizes(video)
        super().__init__(video, short_edge, max_edge)
        others = [file.name for file in files if file.suffix.lower() in NOT_READ and not file.name.startswith(".")]
        if others:
            self.missing = f"{len(others)} pictures of formats that are not read are left out, first {others[0]}"


def _check_sizes(video: Video) -> None:
    """Read every picture once, for a bad one should not show after hours. Raises UserError."""
    for number, path in enumerate(video.frame_paths):
        if (size := picture_size(path)) != (video.height, video.width):
            raise UserError(
                f"{path}: size {list(size)}, but {video.frame_paths[0].name} has {[video.height, video.width]} "
                "(height, width); the pictures of a video have one size"
            )
        read_video_frame(video, number)


OwnVideo = VideoFile | StoredVideo


def open_video(path: Path, short_edge: int | None, max_edge: int) -> OwnVideo:
    """A file or a folder. Raises UserError on what is neither."""
    if not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: no such file or folder; give a video file or a folder of pictures")
    kind = PictureFolder if path.is_dir() or is_picture(path) else VideoFile
    return kind(path, short_edge, max_edge)
