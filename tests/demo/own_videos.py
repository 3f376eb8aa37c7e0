"""Videos painted for tests: frame t is a grey of its own with a bright square that moves to the right."""

from __future__ import annotations

import struct
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


def turned(film: Path, out: Path) -> Path:
    """The same stored frames, to be shown a quarter clockwise: the 3 x 3 matrix of the MP4 track header says so."""
    content = bytearray(film.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40  # after version, times, number, length, layer, group and volume
    one = 1 << 16
    content[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    out.write_bytes(content)
    return out


def cut(film: Path, out: Path, seconds: float) -> Path:
    """Without its first seconds; their packets stay in the file, which says not to show them."""
    with av.open(str(film)) as source, av.open(str(out), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        earlier = round(seconds / stream.time_base)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.pts, packet.dts, packet.stream = packet.pts - earlier, packet.dts - earlier, copied
                target.mux(packet)
    return out


def write_pictures(folder: Path, frames: int, height: int, width: int) -> Path:
    """PNG files."""
    folder.mkdir(parents=True)
    for number in range(frames):
        Image.fromarray(picture(number, height, width)).save(folder / f"{number:05d}.png")
    return folder
