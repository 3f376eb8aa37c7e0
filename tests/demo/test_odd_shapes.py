"""Pixels that are not square, pictures in a mirror, odd and extreme sizes, and files that hold no video."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from own_videos import HEIGHT, WIDTH, opened, overlay_of, picture, turned, write_pictures, written
from PIL import Image

from vita.core.contract import UserError
from vita.demo import video_stream
from vita.demo.overlay import Painter, write_contact_sheet
from vita.demo.video_file import open_video


@pytest.mark.parametrize("pixel_shape", [Fraction(16, 11), Fraction(8, 9)])
def test_pixels_that_are_not_square(tmp_path: Path, pixel_shape: Fraction) -> None:
    film = written(tmp_path / "film.mp4", "libx264", pixel_shape=pixel_shape)
    for path, shape in ((film, pixel_shape), (turned(film, tmp_path / "turned.mp4"), 1 / pixel_shape)):
        video = opened(path)
        with av.open(str(overlay_of(video, tmp_path))) as container:
            assert container.streams.video[0].sample_aspect_ratio == shape
        write_contact_sheet(Painter([], []), video, 1, tmp_path / "sheet.png")
        with Image.open(tmp_path / "sheet.png") as sheet:
            shown = video.out_width / video.out_height * shape
            assert sheet.width / sheet.height == pytest.approx(float(shown), rel=0.02)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda frame: frame[:, ::-1]),  # in a mirror
        ((1, 0, 0, -1), lambda frame: frame[::-1]),  # upside down, in a mirror
        ((-1, 0, 0, -1), lambda frame: frame[::-1, ::-1]),  # half a turn
        ((0, -1, 1, 0), lambda frame: np.rot90(frame, 1)),  # a quarter counter-clockwise
        ((0, 1, 1, 0), lambda frame: frame.swapaxes(0, 1)),  # lying, in a mirror
        ((0, -1, -1, 0), lambda frame: frame[::-1, ::-1].swapaxes(0, 1)),
    ],
)
def test_mirrors_and_turns(film: Path, tmp_path: Path, matrix: tuple[int, ...], expected: object) -> None:
    content = bytearray(film.read_bytes())
    place = content.index(b"tkhd") + 44
    a, b, c, d = (value << 16 for value in matrix)
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    (tmp_path / "film.mp4").write_bytes(content)
    video = opened(tmp_path / "film.mp4")
    (frame,) = video.stored(20, 21)
    upright = expected(picture(20, HEIGHT, WIDTH))  # type: ignore[operator]
    assert frame.shape == upright.shape == (video.out_height, video.out_width, 3)
    assert np.abs(frame.astype(int) - upright).mean() < 4


def with_sound(path: Path, cover: bool) -> Path:
    with av.open(str(path), "w") as container:
        sound = container.add_stream("libmp3lame" if cover else "pcm_s16le", rate=8000)
        picture_stream = container.add_stream("png", rate=1) if cover else None
        if picture_stream is not None:
            picture_stream.height, picture_stream.width, picture_stream.pix_fmt = HEIGHT, WIDTH, "rgb24"
            picture_stream.disposition = Disposition.attached_pic
        kind = (np.float32, "fltp") if cover else (np.int16, "s16")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), kind[0]), format=kind[1], layout="mono")
        samples.sample_rate = 8000
        container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
        if picture_stream is not None:
            cover_frame = av.VideoFrame.from_ndarray(picture(1, HEIGHT, WIDTH), format="rgb24")
            container.mux(picture_stream.encode(cover_frame))
            container.mux(picture_stream.encode(None))
    return path


def test_sound_alone_and_a_cover_are_no_video(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.wav: the file has no video stream \(its streams: audio\); give a video"):
        opened(with_sound(tmp_path / "a.wav", cover=False))
    with pytest.raises(UserError, match=r"b\.mp3: the file has only a cover picture \(its streams: audio, video\)"):
        opened(with_sound(tmp_path / "b.mp3", cover=True))


def test_pictures_of_two_sizes_are_told_at_once(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", 4, 32, 48)
    Image.new("RGB", (48, 34)).save(folder / "00004.png")
    with pytest.raises(UserError, match=r"00004\.png: .*\[34, 48\].*\[32, 48\]"):
        opened(folder)


def test_pictures_that_take_gigabytes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At their start by name; those that grow on the way are lost."""
    first = written(tmp_path / "a.m4v", "mpeg4", 5, size=(64, 96), format="m4v")
    larger = written(tmp_path / "b.m4v", "mpeg4", 5, size=(640, 640), format="m4v")
    both = tmp_path / "film.m4v"
    both.write_bytes(first.read_bytes() + larger.read_bytes())
    assert len(opened(both)) == 10
    monkeypatch.setattr(video_stream, "LARGEST_PICTURE", 2**16)  # decoders add margins to small ones
    # The last of the small ones comes out of the decoder with the first large one, and is lost with it.
    assert len(opened(both)) in (4, 5)
    with pytest.raises(UserError, match=r"b\.m4v: pictures of 640 x 640 pixels \(height, .*more than 65536; scale"):
        opened(larger)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (301, 1), (33, 47), (3, 9000)])
def test_sizes_that_few_videos_have(tmp_path: Path, size: tuple[int, int]) -> None:
    for number in range(3):
        (tmp_path / "in").mkdir(exist_ok=True)
        Image.new("RGB", size[::-1], (10, 200, 10)).save(tmp_path / "in" / f"{number}.png")
    video = open_video(tmp_path / "in", 32, 64)
    assert min(video.read(0, 1).shape[2:]) >= 1
    with av.open(str(overlay_of(video, tmp_path))) as container:
        stream = container.streams.video[0]
        scale = min(1, 8192 / max(size))
        assert abs(stream.height - size[0] * scale) <= 1.5 and abs(stream.width - size[1] * scale) <= 1.5
        assert sum(1 for _ in container.decode(video=0)) == 3
    write_contact_sheet(Painter([], []), video, 12, tmp_path / "sheet.png")
