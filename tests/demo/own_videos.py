"""Videos painted for tests: frame t is a grey of its own with a bright square that moves to the right."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from vita.demo import overlay
from vita.demo.overlay import Painter
from vita.demo.video_file import OwnVideo, open_video

HEIGHT, WIDTH = 64, 96


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


def written(
    path: Path,
    codec: str,
    frames: int = 20,
    ticks: list[int] | None = None,
    base: Fraction = Fraction(1, 25),
    size: tuple[int, int] = (HEIGHT, WIDTH),
    pixel_shape: Fraction = Fraction(1),
    format: str | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Painted frames in any codec and container, shown at those ticks of `base` seconds."""
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.sample_aspect_ratio = pixel_shape
        stream.codec_context.time_base = base
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), format="rgb24")
            frame.pts, frame.time_base = ticks[number] if ticks else number, base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def opened(path: Path) -> OwnVideo:
    """In its stored size."""
    return open_video(path, None, 1333)


def overlay_of(video: OwnVideo, folder: Path) -> Path:
    """Where the video is painted anew, without tracks."""
    overlay.write_video(Painter([], []), video, folder / "overlay.mp4")
    return folder / "overlay.mp4"


def shown_times(path: Path) -> list[float]:
    """Seconds."""
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


def lasts(path: Path) -> float:
    """Seconds."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return float(stream.duration * stream.time_base)
