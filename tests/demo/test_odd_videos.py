"""Videos as telephones, cameras, recorders and broken downloads leave them."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from own_videos import HEIGHT, WIDTH, lasts, opened, overlay_of, picture, shown_times, written
from PIL import Image

from vita.demo.video_file import OwnVideo
from vita.demo.video_stream import _ascending


def assert_frames(video: OwnVideo, numbers: range, size: tuple[int, int] = (HEIGHT, WIDTH)) -> None:
    """The video is those painted frames, but for what coding them loses."""
    frames = list(video.stored(0, len(video)))
    assert len(frames) == len(video) == len(numbers)
    for number, frame in zip(numbers, frames, strict=True):
        assert np.abs(frame.astype(int) - picture(number, *size)).mean() < 8, f"frame {number}"


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("film.webm", "libvpx-vp9"),
        ("film.mkv", "mpeg4"),
        ("film.avi", "mjpeg"),
        ("film.mkv", "ffv1"),
        ("film.mpg", "mpeg2video"),
        ("film.flv", "flv1"),
    ],
)
def test_codecs_and_containers(tmp_path: Path, name: str, codec: str) -> None:
    video = opened(written(tmp_path / name, codec))
    assert (video.timing.rate, video.missing) == (25, None)
    assert_frames(video, range(20))
    assert lasts(overlay_of(video, tmp_path)) == pytest.approx(20 / 25)


def test_hidden_frames_are_no_damage(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.webm", "libvpx", frames=60, options={"auto-alt-ref": "0"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / "film.webm"), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if packet.dts is not None:
                content = bytearray(bytes(packet))
                content[0] &= 0xFF if number not in (20, 41) else 0xEF  # the bit that says to show it
                hidden = av.Packet(bytes(content))
                hidden.pts, hidden.dts, hidden.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
                hidden.time_base, hidden.stream = packet.time_base, copied
                target.mux(hidden)
    video = opened(tmp_path / "film.webm")
    assert (len(video), video.missing) == (58, None)
    frames = list(video.stored(0, 58))
    shown = [number for number in range(60) if number not in (20, 41)]
    assert all(
        np.abs(frame.astype(int) - picture(number, HEIGHT, WIDTH)).mean() < 8
        for number, frame in zip(shown, frames, strict=True)
    )


def test_a_stream_that_begins_between_key_frames(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.ts", "libx264", frames=40, options={"g": "20", "bf": "0", "sc_threshold": "0"})
    with av.open(str(whole)) as source, av.open(str(tmp_path / "late.ts"), "w") as target:
        stream = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if number >= 5 and packet.dts is not None:
                packet.stream = copied
                target.mux(packet)
    video = opened(tmp_path / "late.ts")
    frames = list(video.stored(0, len(video)))
    assert np.abs(frames[-1].astype(int) - picture(39, HEIGHT, WIDTH)).mean() < 8
    assert len(frames) == 20
    assert video.missing == "15 of 35 frames are missing or cannot be decoded; the other 20 are used"


@pytest.mark.parametrize(
    ("name", "codec", "format", "told"),
    [
        ("film.mp4", "libx264", "mp4", r"\d+ of 100 frames are missing or cannot be decoded; the other \d+ are used"),
        ("film.mkv", "mpeg4", None, r"the file should last 4\.0 s; frames of \d\.\d s are there and are used"),
    ],
)
def test_a_cut_download(tmp_path: Path, name: str, codec: str, format: str | None, told: str) -> None:
    options = {"movflags": "+faststart"} if format else {}
    path = tmp_path / name
    with av.open(str(path), "w", format=format, container_options=options) as container:
        stream = container.add_stream(codec, rate=25, options={"g": "10"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(100):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, HEIGHT, WIDTH), format="rgb24")))
        container.mux(stream.encode(None))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    video = opened(path)
    assert 20 < len(video) < 80
    assert re.fullmatch(told, video.missing or "")
    assert sum(1 for _ in video.stored(0, len(video))) == len(video)
    assert len(shown_times(overlay_of(video, tmp_path))) == len(video)


def test_damage_in_the_middle_costs_only_its_own_frames(tmp_path: Path) -> None:
    path = written(tmp_path / "film.avi", "mjpeg", frames=30)
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for packet in packets[10:13]:
        place = content.index(packet)
        content[place : place + len(packet)] = bytes(len(packet))
    path.write_bytes(content)
    video = opened(path)
    assert video.missing == "3 of 30 frames are missing or cannot be decoded; the other 27 are used"
    frames = list(video.stored(0, len(video)))
    assert len(frames) == 27 and np.abs(frames[-1].astype(int) - picture(29, HEIGHT, WIDTH)).mean() < 8


@pytest.mark.parametrize("change", [(48, 64), (96, 128), (64, 94)])
def test_a_size_that_changes_in_mid_stream(tmp_path: Path, change: tuple[int, int]) -> None:
    parts = [written(tmp_path / "a.m4v", "mpeg4", 5, format="m4v")]
    parts.append(written(tmp_path / "b.m4v", "mpeg4", 5, size=change, format="m4v"))
    path = tmp_path / "film.m4v"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    video = opened(path)
    frames = list(video.stored(0, len(video)))
    assert len(frames) == 10 and {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert video.read(0, 10).shape == (10, 3, HEIGHT, WIDTH)


@pytest.mark.parametrize(("name", "codec"), [("film.mkv", "libx264"), ("film.webm", "libvpx-vp9")])
def test_frames_keep_their_times(tmp_path: Path, name: str, codec: str) -> None:
    ticks = [0, 40, 70, 300, 310, 1500, 1540, 1541]  # milliseconds
    path = written(tmp_path / name, codec, 8, ticks, Fraction(1, 1000))
    video = opened(path)
    made = overlay_of(video, tmp_path)
    assert shown_times(made) == pytest.approx([tick / 1000 for tick in ticks], abs=1e-3)
    assert lasts(made) == pytest.approx(float(video.timing.base * (video.timing.ticks[-1] + video.timing.last)))


def test_a_frame_that_was_dropped_leaves_its_gap(tmp_path: Path) -> None:
    ticks = [0, 1, 2, 4, 5, 6]
    path = written(tmp_path / "film.mp4", "libx264", 6, ticks)
    assert shown_times(overlay_of(opened(path), tmp_path)) == pytest.approx([tick / 25 for tick in ticks])


def test_an_uneven_rate_that_is_only_rounded_is_even(tmp_path: Path) -> None:
    ticks = [round(number * 1000 * 1001 / 30000) for number in range(60)]
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30000, 1001))
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(60):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, HEIGHT, WIDTH), format="rgb24")))
        container.mux(stream.encode(None))
    video = opened(path)
    assert video.timing.rate == Fraction(30000, 1001)
    with av.open(str(overlay_of(video, tmp_path))) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
    assert ticks[-1] == 1969


def test_a_stream_without_times(tmp_path: Path) -> None:
    video = opened(written(tmp_path / "film.h264", "libx264", 12, format="h264", options={"bf": "2"}))
    assert_frames(video, range(12))
    assert lasts(overlay_of(video, tmp_path)) == pytest.approx(12 / 25)


def test_the_last_frame_stays_as_long_as_its_file_says(tmp_path: Path) -> None:
    """Four frames of a tenth of a second, and one of two seconds: 2.4 s, of which nothing is missing."""
    frames = [Image.fromarray(picture(number, HEIGHT, WIDTH)) for number in range(5)]
    durations = [100] * 4 + [2000]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    video = opened(tmp_path / "film.gif")
    assert (len(video), video.missing) == (5, None)
    made = overlay_of(video, tmp_path)
    assert lasts(made) == pytest.approx(2.4, abs=0.02)
    assert shown_times(made) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4], abs=0.02)


@pytest.mark.parametrize(
    ("times", "ticks"),
    [
        ([5, 45, 405, 405, 1005], [0, 40, 400, 401, 1000]),  # one is repeated
        ([0, 40, 80, 0, 40], [0, 40, 80, 120, 160]),  # a second film follows the first, whose frames stay 40 each
        ([7], [0]),
    ],
)
def test_times_that_repeat_or_begin_anew_keep_the_others(times: list[int], ticks: list[int]) -> None:
    assert _ascending(times) == ticks


def test_a_frame_longer_than_an_mp4_counts_is_in_longer_ticks(tmp_path: Path) -> None:
    """Nanoseconds, of which five seconds are more than 31 bits hold."""
    ticks = [0, 5 * 10**9, 11 * 10**9]
    video = opened(written(tmp_path / "film.nut", "ffv1", 3, ticks, Fraction(1, 10**9)))
    assert shown_times(overlay_of(video, tmp_path)) == pytest.approx([0, 5, 11], abs=1e-3)


def test_counters_of_a_capture_are_no_lost_frames(tmp_path: Path) -> None:
    """An AVI has an empty chunk for each tick in which nothing new came."""
    video = opened(written(tmp_path / "film.avi", "mpeg4", 6, [0, 1, 2, 10, 11, 30]))
    assert (len(video), video.missing) == (6, None)


def test_frames_that_carry_the_orientation_of_photos(tmp_path: Path) -> None:
    """Motion JPEG of a camera held upright: each frame is a photo that lies."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (64, 48), (200, 60, 50)).save(tmp_path / "photo.jpg", exif=exif)
    (tmp_path / "film.mjpeg").write_bytes((tmp_path / "photo.jpg").read_bytes() * 3)
    video = opened(tmp_path / "film.mjpeg")
    assert [frame.shape for frame in video.stored(0, len(video))] == [(64, 48, 3)] * 3


def test_of_two_films_the_default_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        for edge, disposition in ((32, 0), (64, Disposition.default)):
            stream = container.add_stream("libx264", rate=25)
            stream.height = stream.width = edge
            stream.pix_fmt, stream.disposition = "yuv420p", disposition
        for stream in container.streams.video:
            frame = av.VideoFrame.from_ndarray(picture(0, stream.height, stream.width), format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    assert opened(path).out_height == 64


def test_a_colon_in_a_name_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "film.mp4", "libx264", 3).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(opened(Path("12:30.mp4"))) == 3
