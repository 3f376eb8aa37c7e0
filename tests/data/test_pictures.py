"""Pictures are read upright and as RGB of 8 bits, or refused by name; the check tells what the reader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vita.core.contract import UserError
from vita.data.check.check import check
from vita.data.check.expectations import CheckTarget
from vita.data.dataset import PartFiles
from vita.data.frames import VideoFrames
from vita.data.pictures import is_picture, picture_size
from vita.data.ytvis import read_split, read_video_frame

HEIGHT, WIDTH = 9, 16
# Every pixel has a colour of its own.
UPRIGHT = np.stack(np.broadcast_arrays(*np.ix_(range(10, 10 + HEIGHT), range(100, 100 + WIDTH), [7])), -1)[:, :, 0]
# Where the first stored row and the first stored column are in the upright picture, in the words of the EXIF standard.
SIDES = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored(orientation: int) -> np.ndarray:
    """The pixels of `UPRIGHT` in the order in which a file of this orientation has them."""
    row, column = SIDES[orientation]
    pixels = UPRIGHT.astype(np.uint8)
    pixels = pixels[::-1] if "bottom" in (row, column) else pixels
    pixels = pixels[:, ::-1] if "right" in (row, column) else pixels
    return pixels if row in ("top", "bottom") else pixels.transpose(1, 0, 2)


def write_turned(path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options: dict[str, Any] = {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(np.ascontiguousarray(stored(orientation))).save(path, exif=exif, **options)


def write_data(folder: Path, name: str, size: tuple[int, int] = (HEIGHT, WIDTH)) -> PartFiles:
    """A data set of one frame that is there already."""
    (folder / "instances.json").write_text(
        json.dumps(
            {
                "videos": [{"id": 1, "height": size[0], "width": size[1], "file_names": [name]}],
                "categories": [{"id": 1, "name": "cat"}],
                "annotations": [
                    {"id": 1, "video_id": 1, "category_id": 1, "segmentations": [[[0, 0, 4, 0, 4, 4, 0, 4]]]}
                ],
            }
        )
    )
    return PartFiles(folder / "instances.json", folder)


def kinds(files: PartFiles) -> dict[str, str]:
    """Kinds of what the check finds, with their details."""
    return {one.kind.label: one.detail for one in check(CheckTarget(files), quick=False, workers=1).findings.found}


@pytest.mark.parametrize("ending", [".png", ".webp", ".tiff"])
@pytest.mark.parametrize("orientation", SIDES)
def test_a_frame_is_read_upright(orientation: int, ending: str, tmp_path: Path) -> None:
    write_turned(tmp_path / f"0{ending}", orientation)
    files = write_data(tmp_path, f"0{ending}")
    (video,) = read_split(files.annotations, files.frames).videos
    np.testing.assert_array_equal(read_video_frame(video, 0), UPRIGHT)
    assert np.array_equal(VideoFrames(video).read(0, 1)[0].permute(1, 2, 0).numpy(), UPRIGHT)
    assert picture_size(tmp_path / f"0{ending}") == (HEIGHT, WIDTH)
    assert set(kinds(files)) == ({"frame-turned"} if orientation > 1 else set())


def test_a_photo_in_jpeg_is_read_upright(tmp_path: Path) -> None:
    """JPEG changes pixels, but not which half is light."""
    exif = Image.Exif()
    exif[0x0112] = 6  # the first row is the right side: a light right half is stored as the upper one
    pixels = np.zeros((WIDTH, HEIGHT, 3), np.uint8)
    pixels[: WIDTH // 2] = 200
    Image.fromarray(pixels).save(tmp_path / "0.jpg", exif=exif)
    files = write_data(tmp_path, "0.jpg")
    frame = read_video_frame(read_split(files.annotations, files.frames).videos[0], 0)
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert frame[:, :7].mean() < 20
    assert frame[:, 9:].mean() > 180
    assert set(kinds(files)) == {"frame-turned"}


def test_labels_on_the_stored_pixels_of_a_quarter_turn_are_told(tmp_path: Path) -> None:
    write_turned(tmp_path / "0.png", 6)
    files = write_data(tmp_path, "0.png", (WIDTH, HEIGHT))
    found = kinds(files)
    assert set(found) == {"frame-size"}
    assert "9 x 16 pixels, the file says 16 x 9 (height x width); its EXIF orientation is 6" in found["frame-size"]
    with pytest.raises(UserError, match=r"size \[9, 16\].*\[16, 9\].*EXIF orientation is 6, and frames"):
        read_video_frame(read_split(files.annotations, files.frames).videos[0], 0)


def test_metadata_that_cannot_be_read_turn_nothing(tmp_path: Path) -> None:
    Image.fromarray(UPRIGHT.astype(np.uint8)).save(tmp_path / "0.png", exif=b"Exif\0\0no such metadata")
    files = write_data(tmp_path, "0.png")
    np.testing.assert_array_equal(read_video_frame(read_split(files.annotations, files.frames).videos[0], 0), UPRIGHT)
    assert not kinds(files)


RAMP = np.linspace(0, 1, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
GREY = Image.fromarray((RAMP * 255).astype(np.uint8))


def half_transparent() -> Image.Image:
    picture = Image.fromarray(UPRIGHT.astype(np.uint8)).convert("RGBA")
    picture.putalpha(GREY)
    return picture


REFUSED: dict[str, tuple[Image.Image, dict[str, Any], str]] = {
    "16.png": (Image.fromarray((RAMP * 65535).astype(np.uint16)), {}, "grey of more than 8 bits (mode I;16)"),
    "16.tiff": (Image.fromarray((RAMP * 65535).astype(np.uint16)), {}, "grey of more than 8 bits (mode I;16)"),
    "32.tiff": (Image.fromarray((RAMP * 2**30).astype(np.int32)), {}, "grey of more than 8 bits (mode I)"),
    "float.tiff": (Image.fromarray(RAMP.astype(np.float32)), {}, "grey of more than 8 bits (mode F)"),
    "alpha.png": (half_transparent(), {}, "transparent pixels"),
    "alpha.webp": (half_transparent(), {"lossless": True}, "transparent pixels"),
    "grey_alpha.png": (half_transparent().convert("LA"), {}, "transparent pixels"),
    "palette.png": (GREY.convert("P"), {"transparency": 3}, "transparent pixels"),
    "key.png": (Image.fromarray(UPRIGHT.astype(np.uint8)), {"transparency": (10, 100, 7)}, "transparent pixels"),
    "several.png": (GREY, {"save_all": True, "append_images": [GREY.rotate(180)]}, "a file of several pictures"),
    "several.tiff": (GREY, {"save_all": True, "append_images": [GREY.rotate(180)]}, "a file of several pictures"),
    "signed.tiff": (GREY, {"tiffinfo": {339: 2}}, "signed values"),
    "large.png": (Image.new("1", (20_000, 20_000)), {}, "too large: a frame has at most 50,000,000 pixels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_a_guess_is_refused_by_all(name: str, tmp_path: Path) -> None:
    picture, options, message = REFUSED[name]
    picture.save(tmp_path / name, **options)
    files = write_data(tmp_path, name)
    found = kinds(files)
    assert set(found) == {"frame-pixels"}
    assert message in found["frame-pixels"]
    with pytest.raises(UserError, match=r"^\S+: ") as error:
        read_video_frame(read_split(files.annotations, files.frames).videos[0], 0)
    assert str(error.value) == found["frame-pixels"]


READ: dict[str, tuple[Image.Image, np.ndarray]] = {
    "grey.png": (GREY, np.asarray(GREY.convert("RGB"))),
    "bits.png": (Image.fromarray(RAMP > 0.4), np.repeat(255 * (RAMP > 0.4)[..., None], 3, -1)),
    "palette.png": (GREY.convert("P"), np.asarray(GREY.convert("RGB"))),
    "opaque.png": (Image.fromarray(UPRIGHT.astype(np.uint8)).convert("RGBA"), UPRIGHT),
    "colour.tiff": (Image.fromarray(UPRIGHT.astype(np.uint8)), UPRIGHT),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_other_modes_mean_the_same_colours(name: str, tmp_path: Path) -> None:
    picture, expected = READ[name]
    picture.save(tmp_path / name)
    files = write_data(tmp_path, name)
    assert not kinds(files)
    np.testing.assert_array_equal(read_video_frame(read_split(files.annotations, files.frames).videos[0], 0), expected)


def test_colour_of_16_bits_keeps_the_high_byte(tmp_path: Path) -> None:
    import cv2

    values = (UPRIGHT.astype(np.uint16) << 8) + 200
    cv2.imwrite(str(tmp_path / "0.png"), values[..., ::-1])
    files = write_data(tmp_path, "0.png")
    np.testing.assert_array_equal(read_video_frame(read_split(files.annotations, files.frames).videos[0], 0), UPRIGHT)


def test_files_that_are_no_pictures() -> None:
    assert is_picture(Path("a/0.JPG"))
    assert not any(map(is_picture, (Path("a/._0.jpg"), Path("a/0.txt"), Path(".png"), Path("Thumbs.db"))))


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'


def test_a_tiff_that_says_so_in_words_alone_is_read_upright(tmp_path: Path) -> None:
    """Of orientation 6 in XMP, without the tag that Pillow looks at when it opens a TIFF."""
    Image.fromarray(np.ascontiguousarray(stored(6))).save(tmp_path / "0.tiff", tiffinfo={700: XMP})
    files = write_data(tmp_path, "0.tiff")
    assert picture_size(tmp_path / "0.tiff") == (HEIGHT, WIDTH)
    (video,) = read_split(files.annotations, files.frames).videos
    np.testing.assert_array_equal(read_video_frame(video, 0), UPRIGHT)
    assert set(kinds(files)) == {"frame-turned"}


def test_exchanged_edges_are_not_told_as_a_turn(tmp_path: Path) -> None:
    Image.fromarray(np.ascontiguousarray(UPRIGHT.astype(np.uint8).swapaxes(0, 1))).save(tmp_path / "0.png")
    (detail,) = kinds(write_data(tmp_path, "0.png")).values()
    assert "are height and width exchanged?" in detail and "EXIF" not in detail
