"""Videos of one's own, frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from own_videos import cut, picture, turned, write_pictures, write_video

from vita.core.contract import UserError
from vita.demo import video_file
from vita.demo.video_file import PICTURES, open_video


def test_frames_are_those_that_were_written(film: Path) -> None:
    video = open_video(film, None, 1333)
    assert (len(video), video.out_height, video.out_width, video.timing.rate) == (40, 64, 96, 25)
    for start, stop in ((0, 3), (3, 4), (20, 22), (5, 6), (39, 40)):  # forwards, on, ahead, back, the last
        frames = video.read(start, stop).permute(0, 2, 3, 1).numpy().astype(int)
        for number, frame in zip(range(start, stop), frames, strict=True):
            assert np.abs(frame - picture(number, 64, 96)).mean() < 4, f"frame {number}"


def test_frames_that_follow_are_decoded_once(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = open_video(film, None, 1333)
    opened = []
    decoded = video_file.decoded
    monkeypatch.setattr(video_file, "decoded", lambda path: opened.append(1) or decoded(path))
    for start in range(0, 40, 10):
        video.read(start, start + 10)
    assert len(opened) == 1
    video.read(0, 1)
    assert len(opened) == 2


def test_a_portrait_of_a_telephone_stands_upright(film: Path, tmp_path: Path) -> None:
    video = open_video(turned(film, tmp_path / "turned.mp4"), 32, 1333)
    assert (video.out_height, video.out_width) == (96, 64)
    assert video.read(0, 1).shape == (1, 3, 48, 32)
    (frame,) = video.stored(20, 21)
    clockwise = picture(20, 64, 96)[::-1].swapaxes(0, 1)  # the lowest row becomes the left column
    assert np.abs(frame.astype(int) - clockwise).mean() < 4


def test_what_a_cut_left_in_the_file_is_not_shown(film: Path, tmp_path: Path) -> None:
    video = open_video(cut(film, tmp_path / "cut.mp4", 0.4), None, 1333)
    assert len(video) == 30  # 0.4 s are ten frames
    frames = np.stack(list(video.stored(0, 30))).astype(int)
    assert all(np.abs(frames[n] - picture(n + 10, 64, 96)).mean() < 4 for n in range(30))


def test_the_short_edge(film: Path, tmp_path: Path) -> None:
    for path in (film, write_pictures(tmp_path / "pictures", 3, 64, 96)):
        video = open_video(path, 32, 1333)
        assert video.read(0, 2).shape == (2, 3, 32, 48)
        assert next(video.stored(1, 2)).shape == (64, 96, 3)
        assert (video.out_height, video.out_width) == (64, 96)


def test_a_folder_of_pictures_in_the_order_of_names(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "pictures", 12, 32, 48)
    (folder / "notes.txt").write_text("not a picture")
    video = open_video(folder, None, 1333)
    assert len(video) == 12
    np.testing.assert_array_equal(next(video.stored(11, 12)), picture(11, 32, 48))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nowhere.mp4", r"nowhere\.mp4: no such file or folder; give a video file or a folder of pictures"),
        ("text.mp4", r"text\.mp4: not a video that can be read"),
        ("empty", r"empty: no picture in this folder; allowed endings: " + ", ".join(sorted(PICTURES))),
    ],
)
def test_what_is_no_video(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "text.mp4").write_text("this is text")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=told):
        open_video(tmp_path / name, None, 1333)


def test_a_file_that_changed_meanwhile(film: Path, tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(film.read_bytes())
    video = open_video(path, None, 1333)
    write_video(path, frames=30, height=64, width=96)
    with pytest.raises(UserError, match=r"film\.mp4: frame 30 of 40 cannot be read any more: the file has changed"):
        video.read(28, 35)
