"""The video stream of a file: the frames that can be decoded, upright, when each is shown, and how many are missing.

Legend: T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.stream import Disposition

from vita.core.contract import UserError

DEFAULT_RATE = Fraction(10)  # frames a second where nothing tells it: a folder of pictures, a file without times
LARGEST_PICTURE = 8192 * 4352  # pixels, of the highest level of H.264; a file of a megabyte may claim 2^28
QUARTERS = {90: (1, 0), 180: (0, -1), 270: (-1, 0)}  # sine and cosine, by degrees against the clock
NO_FILM = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
LONGEST_STEP = 2**31 - 1  # ticks from one frame to the next, in an MP4
LEAST_PACKET = 8  # bytes; MPEG-4 marks a frame that is in another packet by a shorter one


@dataclass(frozen=True)
class Timing:
    """When frames are shown: frame t from ticks[t] on, the last for `last` ticks; a tick lasts `base` seconds."""

    base: Fraction
    ticks: Sequence[int]
    last: int

    @property
    def rate(self) -> Fraction:
        """Frames a second, the mean of all."""
        return len(self.ticks) / (self.base * (self.ticks[-1] + self.last))

    @classmethod
    def even(cls, rate: Fraction, frames: int) -> Timing:
        """All frames as long as one another."""
        return cls(1 / rate, range(frames), 1)


@dataclass
class StreamFacts:
    """What one pass over all packets shows. pixel_shape: width over height of one pixel."""

    timing: Timing
    size: tuple[int, int]  # height and width of the first frame, upright; later ones of another size take it
    pixel_shape: Fraction
    missing: str | None  # what of the file is not there or cannot be decoded, in words


@dataclass
class _Pass:
    """Counts of a pass over the packets of a stream."""

    packets: int = 0
    showing: int = 0  # packets that should each give a frame
    fields: bool = False  # two packets may then be one frame
    times: list[int | None] = field(default_factory=list)
    last: int = 0  # ticks


def read_facts(path: Path) -> StreamFacts:
    """Decode the whole file once, for only that tells which frames it has. Raises UserError when there is none."""
    counts = _Pass()
    with _open(path) as container:
        stream = _video_stream(path, container)
        first = None
        for frame in _decode(container, stream, counts):
            first = first or frame
            counts.fields |= frame.interlaced_frame
            counts.times.append(frame.pts)
            counts.last = frame.duration or 0
        if first is None:
            raise UserError(f"{path}: no frame of the video can be decoded")
        timing = _timing(stream, counts)
        across = stream.sample_aspect_ratio or Fraction(1)
        height, width = first.height, first.width
        if _is_lying(_display_matrix(first)):
            height, width, across = width, height, 1 / across
        return StreamFacts(timing, (height, width), across, _missing(container, stream, counts, timing))


def decoded(path: Path) -> Iterator[np.ndarray]:
    """The frames that `read_facts` counts, upright as players show them, (H, W, 3) uint8 RGB each."""
    with _open(path) as container:
        for frame in _decode(container, _video_stream(path, container), _Pass()):
            yield _upright(frame.to_ndarray(format="rgb24"), _display_matrix(frame))


def _open(path: Path) -> av.container.InputContainer:
    try:
        # Texts beside the frames may be in any encoding.
        return av.open(str(path.absolute()), metadata_errors="replace")  # a name with a colon is else a protocol
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a video that can be read: {error}") from None


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    """The one that players take: the first that is said to be the default, or the first; never a cover picture."""
    films = [stream for stream in container.streams.video if not stream.disposition & NO_FILM]
    films.sort(key=lambda stream: not stream.disposition & Disposition.default)  # stable
    if not films:
        there = "only a cover picture" if container.streams.video else "no video stream"
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise UserError(f"{path}: the file has {there} (its streams: {kinds}); give a video or a folder of pictures")
    if films[0].codec_context is None:
        raise UserError(f"{path}: the video is in a format that the installed FFmpeg cannot decode; convert it first")
    height, width = films[0].height, films[0].width
    if height * width > LARGEST_PICTURE:
        raise UserError(
            f"{path}: pictures of {height} x {width} pixels (height, width), together more than {LARGEST_PICTURE}; "
            "scale the video down first"
        )
    # Of pictures that grow on the way; decoders count rows in full, as they lie in memory.
    films[0].codec_context.options = {"max_pixels": str(2 * LARGEST_PICTURE)}
    return films[0]


def _decode(container: av.container.InputContainer, stream: av.VideoStream, counts: _Pass) -> Iterator[av.VideoFrame]:
    """All frames that can be decoded; a damaged packet costs its own frame, damage of the file what follows."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError):
            return
        if packet is None:
            return
        counts.packets += packet.size > 0
        counts.showing += _shows(packet, stream.codec_context.name)
        try:
            yield from packet.decode()
        except (av.FFmpegError, OSError):
            continue


def _shows(packet: av.Packet, codec: str) -> bool:
    """Whether a frame to be shown is expected of it: VP8 has hidden ones, a cut leaves some before the first."""
    if packet.size < LEAST_PACKET or packet.is_discard:
        return False
    return codec != "vp8" or bool(bytes(packet)[0] & 0x10)  # RFC 6386, section 9.1: show_frame


def _timing(stream: av.VideoStream, counts: _Pass) -> Timing:
    """The frames' own times; an even rate where they agree with it but for their rounding, or where there are none."""
    rates = [Fraction(rate) for rate in (stream.guessed_rate, stream.average_rate, stream.base_rate) if rate]
    frames, base = len(counts.times), stream.time_base
    times = [time for time in counts.times if time is not None]
    if not base or len(times) < frames or 2 * sum(b <= a for a, b in pairwise(times)) >= max(2, frames):
        return Timing.even(rates[0] if rates else DEFAULT_RATE, frames)
    ticks = _ascending(times)
    for rate in rates:
        near = min(base, 1 / rate / 4)
        lasts = not counts.last or abs(counts.last * base - 1 / rate) <= near
        if lasts and all(abs(tick * base - number / rate) <= near for number, tick in enumerate(ticks)):
            return Timing.even(rate, frames)
    usual = ticks[-1] // (frames - 1) if frames > 1 else round(1 / (DEFAULT_RATE * base))
    return _storable(Timing(base, ticks, max(1, counts.last or usual)))


def _ascending(times: Sequence[int]) -> list[int]:
    """Ticks from the first frame on. A repeated time comes a tick later; after a step back the clock began anew."""
    steps = sorted(b - a for a, b in pairwise(times) if b > a)
    usual = steps[len(steps) // 2] if steps else 1
    ticks, offset = [0], -times[0]
    for time in times[1:]:
        if time + offset < ticks[-1]:
            offset = ticks[-1] + usual - time
        ticks.append(max(time + offset, ticks[-1] + 1))
    return ticks


def _storable(timing: Timing) -> Timing:
    """The same in longer ticks, where frames stay longer than an MP4 can count."""
    longest = max([timing.last, *(b - a for a, b in pairwise(timing.ticks))])
    if longest <= LONGEST_STEP:
        return timing
    scale = max(1, int(LONGEST_STEP / (longest * timing.base)))  # ticks a second
    ticks = _ascending([round(tick * timing.base * scale) for tick in timing.ticks])
    return Timing(Fraction(1, scale), ticks, max(1, round(timing.last * timing.base * scale)))


def _missing(
    container: av.container.InputContainer, stream: av.VideoStream, counts: _Pass, timing: Timing
) -> str | None:
    frames = len(counts.times)
    expected = 0 if counts.fields else counts.showing
    declared, there = _declared_seconds(container, stream), frames / timing.rate
    # Files count frames too that are outside of what is to be shown, or that only stand for a longer one.
    announced = stream.frames if declared - there > 1 / timing.rate else 0
    lost = max(0, expected - frames) + max(0, announced - counts.packets)
    if lost:
        return f"{lost} of {frames + lost} frames are missing or cannot be decoded; the other {frames} are used"
    if declared - there > max(Fraction(1), 2 / timing.rate):
        return f"the file should last {float(declared):.1f} s; frames of {float(there):.1f} s are there and are used"
    return None


def _declared_seconds(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction:
    """How long the video should be; 0 when nothing tells."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    alone = len(container.streams) == 1  # sound may be longer
    return Fraction(container.duration or 0, av.time_base) if alone else Fraction(0)


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of the map from stored to shown pixels: x' = a x + c y, y' = b x + d y."""
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV knows not all data that FFmpeg puts beside it, such as a photo's EXIF, but the angle
        sine, cosine = QUARTERS.get(frame.rotation % 360, (0, 1))
        return cosine, -sine, sine, cosine
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = np.frombuffer(cast(Any, data), np.int32).tolist()
    return a, b, c, d


def _is_lying(matrix: tuple[int, int, int, int]) -> bool:
    a, b, c, d = matrix
    return abs(b) + abs(c) > abs(a) + abs(d)


def _upright(frame: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Turned by the nearest quarter and mirrored: telephones store portraits lying, and some what a mirror shows."""
    a, b, c, d = matrix
    rows, columns = (d, a)
    if _is_lying(matrix):
        frame, rows, columns = frame.swapaxes(0, 1), b, c
    frame = frame[::-1] if rows < 0 else frame
    return np.ascontiguousarray(frame[:, ::-1] if columns < 0 else frame)
