"""A video and a picture with tracks laid over the frames, one colour an object, its class and score beside it.

Legend: T frames, N tracks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import av
import cv2
import numpy as np
from PIL import Image, ImageColor
from pycocotools import mask as coco_mask

from vita.core.contract import Track
from vita.core.files import atomic_write
from vita.core.progress import SHORT_S, progress
from vita.data.augment.resize import resize_frame
from vita.demo.video_file import MAX_EDGE, OwnVideo
from vita.report.figures.overlay import CLASS_COLOURS, IDENTITY_COLOURS, OPACITY

COLOURS = [ImageColor.getrgb(colour) for colour in (*IDENTITY_COLOURS, *CLASS_COLOURS[:3])]
SHEET_COLUMNS, SHEET_WIDTH, SHEET_HEIGHT = 4, 480, 960  # pictures in a row, and pixels of one
MAX_RATE = 1001000  # of the denominator of a rate, which the encoder keeps in 32 bits
GAP = 6  # pixels between pictures
Box = tuple[int, int, int]  # of a label: left edge, right edge, lower edge
LEAST_LETTERS = 0.35  # scale of the font below which it is not legible
# Of H.264: the usual quality, in less time and somewhat more bytes; without B-frames, after which the last frame in the
# file is not the last shown, so that the length would be wrong.
ENCODER = {"crf": "23", "preset": "veryfast", "bf": "0"}


class Painting(Protocol):
    """What shows the frames of a video with something over them."""

    def size(self, video: OwnVideo) -> tuple[int, int]:
        """Height and width of its pictures."""
        ...

    def painted(self, video: OwnVideo, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """Pictures of the frames of these ascending numbers, (H, W, 3) uint8 each."""
        ...


@dataclass(frozen=True)
class Painter:
    """Tracks to show, and what they are called. Masks may be of another size than frames: they take theirs."""

    tracks: Sequence[Track]
    names: Sequence[str]  # of classes
    with_scores: bool = True  # beside the names

    def size(self, video: OwnVideo) -> tuple[int, int]:
        """See `Painting`."""
        return video.out_height, video.out_width

    def painted(self, video: OwnVideo, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """Frames of these ascending numbers with the masks of all tracks, (H, W, 3) uint8 each."""
        masks = [_codes(track, numbers) for track in self.tracks]
        for number in numbers:
            (frame,) = video.stored(number, number + 1)
            yield self._paint(np.ascontiguousarray(frame), [next(codes) for codes in masks])

    def over(self, frame: np.ndarray, number: int) -> np.ndarray:
        """One frame, (H, W, 3) uint8, of that number, painted."""
        return self._paint(np.ascontiguousarray(frame), [track.segmentations[number] for track in self.tracks])

    def _paint(self, frame: np.ndarray, codes: Sequence[Mapping[str, object]]) -> np.ndarray:
        painted = frame.copy()
        labels = []
        for number, (track, code) in enumerate(zip(self.tracks, codes, strict=True)):
            mask, colour = _of_size(coco_mask.decode(code), frame.shape[:2]), COLOURS[number % len(COLOURS)]
            if mask.any():
                cv2.copyTo(cv2.LUT(painted, _tints(colour)), mask, painted)
                contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(painted, contours, -1, colour, _line(frame))
                score = f" {track.score:.2f}" if self.with_scores else ""
                labels.append((self.names[track.label] + score, _top(mask), colour))
        taken: list[Box] = []
        for text, place, colour in labels:  # above all masks
            taken.append(_write(painted, text, place, colour, taken))
        return painted


def _codes(track: Track, numbers: Sequence[int]) -> Iterator[dict[str, object]]:
    if len(numbers) == len(track.segmentations):  # one after the other, which is quicker than by number
        return iter(track.segmentations)  # type: ignore[arg-type]
    return iter([track.segmentations[number] for number in numbers])  # type: ignore[misc]


@cache
def _tints(colour: tuple[int, ...]) -> np.ndarray:
    """What each value of a channel becomes under that colour, (1, 256, 3): a table, for frames are large."""
    values = np.arange(256)[:, None]
    return ((1 - OPACITY) * values + OPACITY * np.array(colour)).astype(np.uint8)[None]


def _of_size(mask: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_NEAREST))


def _line(frame: np.ndarray) -> int:
    return max(1, round(min(frame.shape[:2]) / 300))


def _top(mask: np.ndarray) -> tuple[int, int]:
    """Column and row of the mask's highest pixel."""
    row = int(mask.any(1).argmax())
    return int(np.flatnonzero(mask[row]).mean()), row


def _write(frame: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, ...], taken: Sequence[Box]) -> Box:
    """Write a label on the track's colour, moved to lie inside the frame and off those that are written already."""
    scale = max(LEAST_LETTERS, min(frame.shape[:2]) / 900)
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left = int(np.clip(place[0] - width // 2, 0, max(0, frame.shape[1] - width)))
    bottom = int(np.clip(place[1] - below, height + below, frame.shape[0] - below))
    bottom = free_line(bottom, height + 2 * below, (left, left + width), frame.shape[0] - below, taken)
    cv2.rectangle(frame, (left, bottom - height - below), (left + width, bottom + below), colour, -1)
    light = sum(colour) < 384
    ink = (255, 255, 255) if light else (0, 0, 0)
    cv2.putText(frame, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)
    return left, left + width, bottom


def free_line(wanted: int, height: int, sides: tuple[int, int], lowest: int, taken: Sequence[Box]) -> int:
    """The lower edge nearest to `wanted` at which a label of that height meets none of `taken`, in pixels.

    sides: its left and right edge.  lowest: of the frame; the highest is its own height. `wanted` where all is full.
    """
    beside = [bottom for left, right, bottom in taken if left <= sides[1] and sides[0] <= right]
    candidates = [wanted, *(bottom + step for bottom in beside for step in (-height - 1, height + 1))]
    inside = [line for line in candidates if height <= line <= lowest]
    free = [line for line in inside if all(abs(line - bottom) > height for bottom in beside)]
    return min(free, key=lambda line: abs(line - wanted), default=wanted)


def write_video(painter: Painting, video: OwnVideo, out: Path) -> None:
    """Write an MP4 file (H.264) of all frames with their own times and shape of pixels, `MAX_EDGE` wide at most."""
    height, width = _fitting(*painter.size(video), MAX_EDGE, MAX_EDGE)
    timing = video.timing
    lasting = dict(zip(timing.ticks, np.diff([*timing.ticks, timing.ticks[-1] + timing.last]).tolist(), strict=True))
    with atomic_write(out) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=timing.rate.limit_denominator(MAX_RATE), options=ENCODER)
        # Its chroma has half the resolution: an odd edge gets its last line twice.
        stream.width, stream.height = width + width % 2, height + height % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.sample_aspect_ratio = video.pixel_shape
        stream.time_base = stream.codec_context.time_base = timing.base
        with progress(len(video), "overlay", delay_s=SHORT_S) as bar:
            for tick, frame in zip(timing.ticks, painter.painted(video, range(len(video))), strict=True):
                fitting = np.pad(
                    resize_frame(frame, (height, width)), ((0, height % 2), (0, width % 2), (0, 0)), "edge"
                )
                picture = av.VideoFrame.from_ndarray(fitting, format="rgb24")
                picture.pts, picture.time_base = tick, timing.base
                _mux(container, stream.encode(picture), lasting)
                bar.update()
        _mux(container, stream.encode(None), lasting)


def _mux(container: av.container.OutputContainer, packets: list[av.Packet], lasting: dict[int, int]) -> None:
    """The last frame has no next one that would end it, so that all packets say how many ticks they last."""
    for packet in packets:
        assert packet.pts is not None
        packet.duration = lasting[packet.pts]
        container.mux(packet)


def _fitting(height: float, width: float, max_height: int, max_width: int) -> tuple[int, int]:
    """Height and width, made smaller where they do not fit."""
    scale = min(1, max_height / height, max_width / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def sheet_shape(frames: int) -> tuple[int, int]:
    """Rows and columns of a sheet without a blank place, of so many pictures or, where those fill no rows, fewer."""
    for shown in range(frames, SHEET_COLUMNS - 1, -1):
        for columns in range(SHEET_COLUMNS, SHEET_COLUMNS - 2, -1):
            if shown % columns == 0:
                return shown // columns, columns
    return 1, frames


def write_contact_sheet(painter: Painting, video: OwnVideo, pictures: int, out: Path) -> None:
    """Write a PNG of evenly spaced frames, at most so many, in full rows."""
    rows, columns = sheet_shape(min(pictures, len(video)))
    numbers = np.linspace(0, len(video) - 1, rows * columns).round().astype(int).tolist()
    stored_height, stored_width = painter.size(video)
    shown_height = stored_height / float(video.pixel_shape)
    height, width = _fitting(shown_height, stored_width, SHEET_HEIGHT, SHEET_WIDTH)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for place, frame in enumerate(painter.painted(video, numbers)):
        picture = Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (place % columns * (width + GAP), place // columns * (height + GAP)))
    with atomic_write(out) as temporary:
        sheet.save(temporary, format="PNG")
