"""Folders of pictures as people have them: photos that lie, odd names, files of the system between them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from own_videos import picture
from PIL import Image
from tiny_run import configuration, vita, write_configuration

from vita.core.contract import UserError
from vita.demo.video_file import open_video


def test_a_photo_that_lies_is_set_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 8  # the first stored row is the left side, the first column the bottom
    for number in range(2):
        lying = np.ascontiguousarray(picture(number, 48, 32)[::-1].swapaxes(0, 1))
        Image.fromarray(lying).save(tmp_path / f"{number}.png", exif=exif)
    video = open_video(tmp_path, None, 1333)
    assert (video.out_height, video.out_width) == (48, 32)
    for number, frame in enumerate(video.stored(0, 2)):
        np.testing.assert_array_equal(frame, picture(number, 48, 32))
    assert video.read(0, 1).shape == (1, 3, 48, 32)


def test_numbers_count_by_value_and_hidden_files_do_not(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("L", (4, 4), 20 * number).save(tmp_path / f"frame_{number}.PNG")
        (tmp_path / f"._frame_{number}.PNG").write_bytes(b"\0\5\x16\7 of macOS")
    video = open_video(tmp_path, None, 1333)
    assert [int(frame[0, 0, 0]) for frame in video.stored(0, 12)] == [20 * number for number in range(12)]


def test_pictures_of_two_sizes_are_told(tmp_path: Path) -> None:
    for number, size in enumerate(((8, 6), (8, 6), (6, 8))):
        Image.new("RGB", size).save(tmp_path / f"{number}.png")
    with pytest.raises(UserError, match=r"2.png: size \[8, 6\], but 0.png has \[6, 8\] \(height, width\)"):
        open_video(tmp_path, None, 1333)


def test_a_huge_first_picture_is_one_line_of_the_command(tmp_path: Path) -> None:
    """Between one and two times the size at which Pillow warns."""
    (tmp_path / "pictures").mkdir()
    Image.new("1", (12_000, 12_000)).save(tmp_path / "pictures/0.png")
    write_configuration(tmp_path / "run", configuration(tmp_path / "videos"))
    run = ["--config", tmp_path / "run/config.yaml", "--weights", tmp_path / "run/model.safetensors"]
    message = vita("demo", tmp_path / "pictures", *run, "--out", tmp_path / "out").message
    assert "0.png: too large: a frame has at most 50,000,000 pixels" in message


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (Image.new("1", (20_000, 20_000)), "too large: a frame has at most 50,000,000 pixels"),
        (Image.fromarray(np.zeros((4, 4), np.uint16)), "grey of more than 8 bits"),
        (Image.new("RGBA", (4, 4)), "transparent pixels"),
    ],
)
def test_a_first_picture_that_is_refused_is_one_line(pixels: Image.Image, message: str, tmp_path: Path) -> None:
    pixels.save(tmp_path / "0.png")
    with pytest.raises(UserError, match=message) as error:
        open_video(tmp_path, None, 1333)
    assert str(error.value).startswith(f"{tmp_path / '0.png'}: ")
    assert "\n" not in str(error.value)


def test_one_picture_is_read_as_those_of_a_folder(tmp_path: Path) -> None:
    Image.fromarray(picture(0, 48, 32)).save(tmp_path / "img%02d.png")
    Image.fromarray(picture(1, 24, 32)).save(tmp_path / "img01.png")
    video = open_video(tmp_path / "img%02d.png", None, 1333)
    assert len(video) == 1
    np.testing.assert_array_equal(next(iter(video.stored(0, 1))), picture(0, 48, 32))
    Image.fromarray(np.full((8, 8), 60_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(UserError, match="grey of more than 8 bits"):
        open_video(tmp_path / "deep.png", None, 1333)


def test_pictures_that_are_not_read_are_told(tmp_path: Path) -> None:
    for name in ("0.jpg", "1.jpe", "2.jfif", "3.gif"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    video = open_video(tmp_path, None, 1333)
    assert len(video) == 3
    assert video.missing == "1 pictures of formats that are not read are left out, first 3.gif"


def test_what_is_neither_file_nor_folder_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(UserError, match="no such file or folder"):
        open_video(tmp_path / "pipe.mp4", None, 1333)
    (tmp_path / "pictures" / "0.jpg").mkdir(parents=True)
    with pytest.raises(UserError, match=r"0\.jpg: a folder, where a picture should be"):
        open_video(tmp_path / "pictures", None, 1333)
