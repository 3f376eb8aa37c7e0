"""The one reader of pictures: files as upright RGB pictures of 8 bits, or refused by name.

A picture is turned and mirrored as its EXIF orientation says, for training, prediction, the demo, figures and checks
alike. What has no one meaning as RGB of 8 bits is refused: grey of more bits or floats, transparent pixels, several
pictures in a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from vita.core.contract import UserError
from vita.data.safe_paths import LeavesRootError, open_frame
from vita.data.value_limits import LARGEST_FRAME

# Endings, in small letters.
PICTURES = frozenset({".bmp", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
# What sets a picture upright, by EXIF orientation; 1 is upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
QUARTER_TURNS = (5, 6, 7, 8)
SIGNED = 2  # a TIFF's SampleFormat
WITHOUT_RANGE = ("I", "F")  # how modes begin whose values have no range that is known

Size = tuple[int, int]  # height, width in pixels


class UnfitPictureError(ValueError):
    """A picture that can be decoded, but not as RGB of 8 bits without a guess."""


class OtherSizeError(ValueError):
    """A picture of another size than the one that was asked for. found: its own, upright; hint: text to go on with."""

    def __init__(self, found: Size, hint: str = "") -> None:
        super().__init__(f"size {list(found)} (height, width){hint}")
        self.found, self.hint = found, hint


@dataclass(frozen=True, eq=False)
class Upright:
    """A decoded picture, and its EXIF orientation as stored: 1 where it stood upright already."""

    picture: Image.Image
    orientation: int


def is_picture(path: Path) -> bool:
    """Whether a file's ending is that of a picture; hidden files (`._0001.jpg` of macOS) are none."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def decode(file: BinaryIO, size: Size | None = None, to_see: bool = False) -> Upright:
    """The picture in an open file. size: what it must be, upright, or nothing is decoded; None: any.

    to_see: only whether it can be decoded; a JPEG then comes in an eighth of its size, which takes half of the time.
    Raises OtherSizeError, UnfitPictureError, or whatever a decoder does on damaged bytes.
    """
    with _open(file) as picture:
        if size is not None and sorted(picture.size) != sorted(size):  # known before anything is decoded
            raise OtherSizeError((picture.height, picture.width))
        orientation = _orientation(picture)
        if size is not None:
            _check_size(picture, orientation, size)
        if to_see:
            picture.draft("RGB", (max(1, picture.width // 8), max(1, picture.height // 8)))
        picture.load()
        turn = None if picture.format == "TIFF" else TURNS.get(orientation)  # Pillow sets those upright itself
        upright = _as_rgb(picture)
        return Upright(upright if turn is None else upright.transpose(turn), orientation)


def picture_size(path: Path, roots: Sequence[Path] = ()) -> Size:
    """(height, width) of a picture file, upright, in pixels. Without `roots` links may lead anywhere.

    Raises UserError when the file is missing, no picture, one that `decode` refuses, or a link out of all roots.
    """
    try:
        with open_frame(path, roots) as file, _open(file) as picture:
            return _upright_size(picture, _orientation(picture))
    except Exception as error:  # decoders raise anything on damaged bytes
        raise UserError(fault_of(path, error)) from None


def fault_of(path: Path, error: Exception) -> str:
    """For people, one line: why a picture that raised this when it was opened or decoded cannot be read."""
    if isinstance(error, FileNotFoundError):
        return f"{path}: no such frame; fetch or write the data set again"
    if isinstance(error, IsADirectoryError):
        return f"{path}: a folder, where a picture should be"
    if isinstance(error, LeavesRootError):
        return f"{path}: {error}; put the frame itself there"
    if isinstance(error, UnfitPictureError):
        return f"{path}: {error}"
    return f"{path}: damaged frame ({error}); fetch or write this file again"


def _open(file: BinaryIO) -> Image.Image:
    """The picture before anything is decoded. Raises UnfitPictureError, and ValueError on what is no picture."""
    try:
        picture = Image.open(file)
    except UnidentifiedImageError:  # whose text names the object in memory
        raise ValueError("no known format of pictures") from None
    except Image.DecompressionBombError:
        raise UnfitPictureError(f"too large: a frame has at most {LARGEST_FRAME:,} pixels") from None
    if picture.mode.startswith(WITHOUT_RANGE):
        raise UnfitPictureError(
            f"grey of more than 8 bits (mode {picture.mode}), and nothing says which value is white; write it with 8 "
            "bits, scaled as it is to be seen"
        )
    if picture.format == "TIFF" and SIGNED in np.atleast_1d(_tag(picture, ExifTags.Base.SampleFormat) or 1):
        raise UnfitPictureError("signed values, and nothing says which of them is black; write it with values from 0")
    if picture.height * picture.width > LARGEST_FRAME:
        raise UnfitPictureError(f"too large: a frame has at most {LARGEST_FRAME:,} pixels")
    if getattr(picture, "is_animated", False) and picture.format != "MPO":  # a photo with its thumbnail or depth
        raise UnfitPictureError("a file of several pictures; write each frame to a file of its own")
    return picture


def _check_size(picture: Image.Image, orientation: int, size: Size) -> None:
    found = _upright_size(picture, orientation)
    if found != size:
        turned = (
            f"; its EXIF orientation is {orientation}, and frames are read upright: if the labels lie on the pixels as "
            "stored, write the frames anew without an orientation"
        )
        raise OtherSizeError(found, turned if orientation in QUARTER_TURNS else "; are height and width exchanged?")


def _orientation(picture: Image.Image) -> int:
    """1 where none is stated, or none that can be read: viewers show such a picture as it is stored, too."""
    try:
        stated = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata raise anything
        return 1
    return stated if stated in TURNS else 1


def _upright_size(picture: Image.Image, orientation: int) -> Size:
    # Pillow opens a TIFF upright whose own tag states it, and others only when it is decoded.
    is_turned = picture.format == "TIFF" and _tag(picture, ExifTags.Base.Orientation) in QUARTER_TURNS
    lies = orientation in QUARTER_TURNS and not is_turned
    return (picture.width, picture.height) if lies else (picture.height, picture.width)


def _tag(picture: Image.Image, number: int) -> Any:
    """Of a TIFF; None where it has none such."""
    return getattr(picture, "tag_v2", {}).get(number)


def _as_rgb(picture: Image.Image) -> Image.Image:
    """Of a loaded picture."""
    if picture.mode == "RGB" and not picture.has_transparency_data:
        return picture
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if np.asarray(picture.getchannel("A")).min() < 255:
            raise UnfitPictureError("transparent pixels, and nothing says what is behind them; write it with none")
    return picture.convert("RGB")
