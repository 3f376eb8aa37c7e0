"""Whether OpenCV would decode JPEG frames as Pillow does, and faster.

Run: python benchmarks/decoding.py [--help]. Pictures with grain of many sizes, written by the encoders of Pillow,
OpenCV and FFmpeg, are decoded by both and compared pixel by pixel. Then both are timed in turn on one frame: to an
array of RGB, and to the picture that `Image.resize` needs, since frames are resized with Pillow as the official code
does. Processor time; the ratios count.

Legend: H W pixels.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from statistics import median
from typing import Annotated

import av
import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from tabulate import tabulate

FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
QUALITIES = (30, 75, 92, 100)
SUBSAMPLING = {
    "444": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "422": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "420": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    "440": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    "411": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
}
Pixels = NDArray[np.uint8]  # (H, W, 3), RGB


def paint(height: int, width: int, random: np.random.Generator) -> Pixels:
    """Soft colours with grain."""
    coarse = random.integers(0, 256, (height // 16 + 2, width // 16 + 2, 3), np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)).astype(np.float64)
    return (soft + random.normal(0, 6, (height, width, 1))).clip(0, 255).astype(np.uint8)


def encoded(pixels: Pixels) -> Iterator[tuple[str, bytes]]:
    """The picture in every way of the three encoders, each with its encoder's name."""
    for quality in QUALITIES:
        for progressive in (False, True):
            for sampling in (0, 1, 2):
                buffer = io.BytesIO()
                Image.fromarray(pixels).save(
                    buffer, "JPEG", quality=quality, subsampling=sampling, progressive=progressive
                )
                yield "Pillow", buffer.getvalue()
            for factor in SUBSAMPLING.values():
                options = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive)]
                options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, factor, cv2.IMWRITE_JPEG_RST_INTERVAL, quality % 4]
                yield "OpenCV", cv2.imencode(".jpg", pixels[..., ::-1], options)[1].tobytes()
    for layout in ("yuvj420p", "yuvj422p", "yuvj444p"):
        yield "FFmpeg", _of_ffmpeg(pixels, layout)


def _of_ffmpeg(pixels: Pixels, layout: str) -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    context.height, context.width, context.pix_fmt = pixels.shape[0], pixels.shape[1], layout
    context.time_base = Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def as_picture(data: bytes) -> Image.Image:
    """Decoded by Pillow."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.convert("RGB")


def as_array(data: bytes) -> Pixels:
    """Decoded by OpenCV."""
    return cv2.imdecode(np.frombuffer(data, np.uint8), FLAGS)


def milliseconds(work: Callable[[], object], calls: int = 20) -> float:
    """Of the processor, for one call."""
    began = time.process_time()
    for _ in range(calls):
        work()
    return 1000 * (time.process_time() - began) / calls


def main(
    pictures: Annotated[int, typer.Option(min=1, help="Compared, each in 67 encodings.")] = 60,
    height: Annotated[int, typer.Option(min=16, help="Of the frame that is timed, in pixels.")] = 720,
    width: Annotated[int, typer.Option(min=16)] = 1280,
    repetitions: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """Compare and time both; exit with 1 when a pixel differs."""
    cv2.setNumThreads(1)
    random = np.random.default_rng(0)
    counts: dict[str, list[int]] = {}
    for _ in range(pictures):
        high, wide = (int(edge) for edge in 2 * random.integers(8, 100, 2))
        for encoder, data in encoded(paint(high, wide, random)):
            equal = np.array_equal(np.asarray(as_picture(data)), as_array(data))
            counts.setdefault(encoder, [0, 0])[int(not equal)] += 1
    print(tabulate([[name, *found] for name, found in counts.items()], ["encoder", "equal", "different"], "github"))
    (_, data), *_ = encoded(paint(height, width, random))
    pairs = {
        "to an array": (lambda: np.asarray(as_picture(data)), lambda: as_array(data)),
        "to what is resized": (lambda: as_picture(data), lambda: Image.fromarray(as_array(data))),
    }
    rows = []
    for name, (pillow, opencv) in pairs.items():
        taken = [(milliseconds(pillow), milliseconds(opencv)) for _ in range(repetitions)]
        rows.append([name, *(median(one[k] for one in taken) for k in (0, 1)), median(a / b for a, b in taken)])
    print(tabulate(rows, [f"{height} x {width}", "Pillow [ms]", "OpenCV [ms]", "ratio"], "github", floatfmt=".2f"))
    raise typer.Exit(int(any(found[1] for found in counts.values())))


if __name__ == "__main__":
    typer.run(main)
