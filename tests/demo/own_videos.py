"""Videos painted for tests: frame t is a grey of its own with a bright square that moves to the right."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image


def picture(number: int, height: int, width: int) -> np.ndarray:
    """(H, W, 3) uint8."""
    frame = np.full((height, width, 3), 4 * number % 200, np.uint8)
    left = number % (width - 16)
    frame[8:24, left : left + 16] = 255
    return frame


def write_video(path: Path, frames: int, height: int, width: int) -> Path:
    """An MP4 file at 25 frames a second; edges are even."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, height, width), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def write_pictures(folder: Path, frames: int, height: int, width: int) -> Path:
    """PNG files."""
    folder.mkdir(parents=True)
    for number in range(frames):
        Image.fromarray(picture(number, height, width)).save(folder / f"{number:05d}.png")
    return folder
