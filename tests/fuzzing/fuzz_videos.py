"""Video files: our frames are those that a plain loop over PyAV decodes."""

from __future__ import annotations

import zlib
from pathlib import Path

import av
import numpy as np
from fuzz_target import Seed, Target, differ, outcome

from vita.core.contract import UserError
from vita.demo.video_file import open_video
from vita.demo.video_stream import decoded

FRAMES, HEIGHT, WIDTH = 6, 32, 48
FILMS = {  # name -> codec and pixels
    "a.mp4": ("libx264", "yuv420p"),
    "b.mkv": ("libx264", "yuv420p"),
    "c.webm": ("libvpx", "yuv420p"),
    "d.webm": ("libvpx-vp9", "yuv420p"),
    "e.avi": ("mjpeg", "yuvj420p"),
    "f.mp4": ("mpeg4", "yuv420p"),
    "g.gif": ("gif", "rgb8"),
    "h.mov": ("png", "rgb24"),
    "i.ts": ("mpeg2video", "yuv420p"),
}
WORDS = tuple(
    b"moov|mdat|stsz|stts|stco|ctts|tkhd|mvhd|avcC|trak|ftyp|hdlr|RIFF|idx1|\x1aE\xdf\xa3|\x00\x00\x00\x01|\x00\x00\x01|"
    b"\x00\x00\x00\x00|\xff\xff\xff\xff|\x7f\xff\xff\xff|\x80\x00\x00\x00|\x00\x01|\xff\xd8|\xff\xd9|\x47|\x3f\xff".split(
        b"|"
    )
)
PLAIN = 8  # of so many files, one is also decoded by the plain loop


def video_seeds(folder: Path) -> list[Seed]:
    """A few frames in the containers and codecs that people have."""
    for name, (codec, pixels) in FILMS.items():
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream(codec, rate=10, options={"g": "3"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
            for number in range(FRAMES):
                picture = np.full((HEIGHT, WIDTH, 3), 30 * number, np.uint8)
                picture[8:20, 4 * number : 4 * number + 12] = 255 - 20 * number
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
    return [Seed(name, (folder / name).read_bytes()) for name in FILMS]


def use_video(path: Path) -> None:
    """All frames that are promised are there, in the one size; a plain loop decodes no other."""
    video = open_video(path, 24, 1333)
    frames = [frame for start in range(0, len(video), 4) for frame in video.read(start, start + 4)]
    if len(frames) != len(video) or {frame.shape[0] for frame in frames} != {3}:
        differ(f"{len(frames)} frames of {len(video)}")
    if len(video.timing.ticks) != len(video) or video.timing.rate <= 0:
        differ("times that do not fit")
    if zlib.crc32(path.read_bytes()) % PLAIN:
        return
    refusal, plain = outcome(lambda: _plainly(path), (av.FFmpegError, OSError, ValueError))
    if refusal is not None:
        return  # the plain loop ends at the first fault
    ours = [frame.shape for frame in decoded(path)]
    if len(ours) < len(plain) or sorted(ours[0][:2]) != sorted(plain[0]):
        differ(f"{len(ours)} frames, the plain loop has {len(plain)}")


def _plainly(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path), metadata_errors="replace") as container:
        found = [(frame.height, frame.width) for frame in container.decode(video=0)]
    if not found:
        raise UserError("no frame")
    return found


VIDEOS = Target("video files", video_seeds, use_video, WORDS)
