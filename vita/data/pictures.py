"""Files of pictures: their endings, and what is known of one before it is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from vita.core.contract import UserError
from vita.data.safe_paths import LeavesRootError, open_frame

PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})  # endings, in small letters


def is_picture(path: Path) -> bool:
    """Whether a file's ending is that of a picture; hidden files (`._0001.jpg` of macOS) are none."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def picture_size(path: Path, roots: Sequence[Path]) -> tuple[int, int]:
    """(height, width) of a picture in pixels, from its header.

    Raises UserError when the file is missing, no picture, or a link out of all `roots`.
    """
    try:
        with open_frame(path, roots) as file, Image.open(file) as picture:
            return picture.height, picture.width
    except FileNotFoundError:
        raise UserError(f"{path}: no such frame") from None
    except LeavesRootError as error:
        raise UserError(f"{path}: {error}; put the frame itself there") from None
    except UnidentifiedImageError:
        raise UserError(f"{path}: no known format of pictures") from None
    except Exception as error:  # decoders raise anything on damaged bytes
        raise UserError(f"{path}: damaged frame ({error})") from None
