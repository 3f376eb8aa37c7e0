"""A video and a picture with tracks laid over the frames, one colour an object, its class and score beside it.

Legend: T frames, N tracks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageColor
from pycocotools import mask as coco_mask

from vita.core.contract import Track
from vita.core.files import atomic_write
from vita.core.progress import SHORT_S, progress
from vita.demo.video_file import OwnVideo
from vita.report.figures.overlay import CLASS_COLOURS, IDENTITY_COLOURS, OPACITY

COLOURS = [ImageColor.getrgb(colour) for colour in (*IDENTITY_COLOURS, *CLASS_COLOURS[:3])]
SHEET_COLUMNS, SHEET_WIDTH = 4, 480  # pictures in a row, and pixels of one
GAP = 6  # pixels between pictures
ENCODER = {"crf": "23", "preset": "veryfast"}  # of H.264: the usual quality, in less time and somewhat more bytes


@dataclass(frozen=True)
class Painter:
    """Tracks to show, and what they are called."""

    tracks: Sequence[Track]
    names: Sequence[str]  # of classes

    def painted(self, video: OwnVideo, numbers: Sequence[int]) -> Iterator[np.ndarray]:
        """Frames of these ascending numbers with the masks of all tracks, (H, W, 3) uint8 each."""
        masks = [_codes(track, numbers) for track in self.tracks]
        for number in numbers:
            (frame,) = video.stored(number, number + 1)
            yield self._paint(np.ascontiguousarray(frame), [next(codes) for codes in masks])

    def _paint(self, frame: np.ndarray, codes: Sequence[dict[str, object]]) -> np.ndarray:
        painted = frame.copy()
        labels = []
        for number, (track, code) in enumerate(zip(self.tracks, codes, strict=True)):
            mask, colour = coco_mask.decode(code), COLOURS[number % len(COLOURS)]
            if mask.any():
                cv2.copyTo(cv2.LUT(painted, _tints(colour)), mask, painted)
                contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
                cv2.drawContours(painted, contours, -1, colour, _line(frame))
                labels.append((f"{self.names[track.label]} {track.score:.2f}", _top(mask), colour))
        for text, place, colour in labels:  # above all masks
            _write(painted, text, place, colour)
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


def _line(frame: np.ndarray) -> int:
    return max(1, round(min(frame.shape[:2]) / 300))


def _top(mask: np.ndarray) -> tuple[int, int]:
    """Column and row of the mask's highest pixel."""
    row = int(mask.any(1).argmax())
    return int(np.flatnonzero(mask[row]).mean()), row


def _write(frame: np.ndarray, text: str, place: tuple[int, int], colour: tuple[int, ...]) -> None:
    """Write a label on the track's colour, moved to lie inside the frame."""
    scale = min(frame.shape[:2]) / 900
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    left = int(np.clip(place[0] - width // 2, 0, max(0, frame.shape[1] - width)))
    bottom = int(np.clip(place[1] - below, height + below, frame.shape[0] - below))
    cv2.rectangle(frame, (left, bottom - height - below), (left + width, bottom + below), colour, -1)
    light = sum(colour) < 384
    ink = (255, 255, 255) if light else (0, 0, 0)
    cv2.putText(frame, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, scale, ink, 1, cv2.LINE_AA)


def write_video(painter: Painter, video: OwnVideo, out: Path) -> None:
    """Write an MP4 file (H.264) of all frames, at the video's own rate."""
    with atomic_write(out) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=video.rate, options=ENCODER)
        # Its chroma has half the resolution: an odd edge loses a line.
        stream.width, stream.height = video.out_width // 2 * 2, video.out_height // 2 * 2
        stream.pix_fmt = "yuv420p"
        with progress(len(video), "overlay", delay_s=SHORT_S) as bar:
            for frame in painter.painted(video, range(len(video))):
                cut = np.ascontiguousarray(frame[: stream.height, : stream.width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
                bar.update()
        container.mux(stream.encode(None))


def write_contact_sheet(painter: Painter, video: OwnVideo, pictures: int, out: Path) -> None:
    """Write a PNG of so many evenly spaced frames."""
    numbers = np.unique(np.linspace(0, len(video) - 1, pictures).round().astype(int)).tolist()
    columns = min(SHEET_COLUMNS, len(numbers))
    rows = -(-len(numbers) // columns)
    width = min(SHEET_WIDTH, video.out_width)
    height = round(video.out_height * width / video.out_width)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for place, frame in enumerate(painter.painted(video, numbers)):
        picture = Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (place % columns * (width + GAP), place // columns * (height + GAP)))
    with atomic_write(out) as temporary:
        sheet.save(temporary, format="PNG")
