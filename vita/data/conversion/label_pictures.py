"""Labels as pictures, one a frame: palette PNG files as DAVIS has them, and 16-bit PNG files as MOTS has them.

`<source>/<video>/<frame>.png` is of the frame of the same name in `<frames>/<video>/`.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, NonNegativeInt

from vita.core.config_base import Frozen
from vita.core.contract import UserError
from vita.data.conversion.frame_folders import LabelFolder, label_folders
from vita.data.conversion.labelled_videos import LabelledVideos, TrackCollector
from vita.data.masks import rle
from vita.data.masks.rle import short
from vita.data.safe_paths import LeavesRootError, open_frame, resolved
from vita.data.value_limits import LARGEST_FRAME

VOID = 255  # of palette PNG files: belongs to no object, and not to the background either
MOTS_IGNORED = 10_000
MOTS_CLASS = 1000  # a value is class times this, plus the number of the object
MOTS_CATEGORIES = {1: "car", 2: "pedestrian"}  # of KITTI MOTS and MOTSChallenge
ONE_CATEGORY = "object"

Values = NDArray[np.integer]


class CategoryNames(Frozen):
    """Names for the numbers in label pictures, as a YAML file has them.

    categories: MOTS: by class; palette: by value, the same in all videos. objects: palette: by video, then by value.
    """

    categories: dict[NonNegativeInt, str] = Field({})
    objects: dict[str, dict[NonNegativeInt, str]] = Field({})


@dataclass(frozen=True)
class _Coding:
    """What the values of a kind of label pictures mean. categories: names by id; category_of: id, of (video, value)."""

    mode: str
    wanted: str
    unlabelled: int
    categories: dict[int, str]
    category_of: Callable[[str, int], int | None]


def read_palette_pictures(source: Path, frames: Path, names: CategoryNames | None) -> LabelledVideos:
    """Palette PNG files: a pixel's value is the object, 0 the background, 255 nothing that is labelled.

    Without `names` all objects are of the category `object`. Raises UserError naming the file at fault.
    """
    given = names or CategoryNames()
    listed = {*given.categories.values(), *(name for video in given.objects.values() for name in video.values())}
    ids = {name: number for number, name in enumerate(sorted(listed) or [ONE_CATEGORY], start=1)}

    def category_of(video: str, value: int) -> int | None:
        return ids.get(given.objects.get(video, given.categories).get(value, "")) if listed else ids[ONE_CATEGORY]

    wanted = "a palette PNG, whose pixels are numbers of objects"
    categories = {number: name for name, number in ids.items()}
    return _read(source, frames, _Coding("P", wanted, VOID, categories, category_of))


def read_mots_pictures(source: Path, frames: Path, names: CategoryNames | None) -> LabelledVideos:
    """16-bit PNG files: a value is a thousand times the class plus the object, 0 the background, 10000 is ignored.

    Without `names` class 1 is car and 2 pedestrian. Raises UserError naming the file at fault.
    """
    categories = dict(sorted((names.categories if names and names.categories else MOTS_CATEGORIES).items()))

    def category_of(video: str, value: int) -> int | None:
        return value // MOTS_CLASS if value // MOTS_CLASS in categories else None

    wanted = "a PNG of 16-bit numbers, which are a thousand times the class plus the object"
    return _read(source, frames, _Coding("I;16", wanted, MOTS_IGNORED, categories, category_of))


def _read(source: Path, frames: Path, coding: _Coding) -> LabelledVideos:
    videos, collector = [], TrackCollector()
    for folder in label_folders(source, frames, ".png"):
        size: tuple[int, int] | None = None
        for frame, path in enumerate(folder.files):
            values = _values(path, source, coding)
            size = size or values.shape
            if values.shape != size:
                raise UserError(
                    f"{path}: size {list(values.shape)}, but {folder.files[0]} has {list(size)} (height, width); "
                    "all frames of a video have one size"
                )
            _add(values, path, frame, folder, coding, collector)
        videos.append(folder.video(size or (0, 0)))
        collector.left_out["frames without a label file"] += folder.unlabelled
    return LabelledVideos(tuple(videos), coding.categories, collector.tracks(), collector.left_out)


def _add(
    values: Values, path: Path, frame: int, folder: LabelFolder, coding: _Coding, collector: TrackCollector
) -> None:
    for value in np.unique(values).tolist():
        if value == coding.unlabelled:
            collector.left_out[f"regions of the value {value}, which are not labelled"] += 1
        elif value:
            category = coding.category_of(folder.name, value)
            if category is None:
                raise UserError(
                    f"{path}: the value {value} of video '{folder.name}' has no category; known are "
                    f"{short(list(coding.categories.values()))}: name it in the file of --categories"
                )
            mask = rle.encode((values == value)[None])[0]
            collector.add(folder.number, value, category, frame, mask, str(path))


def _values(path: Path, source: Path, coding: _Coding) -> Values:
    """The pixels of a label picture as they are stored, (H, W). Raises UserError when it is of another kind."""
    try:
        with open_frame(path, resolved(source)) as file, Image.open(file) as picture:
            if picture.mode != coding.mode:
                raise UserError(f"{path}: {coding.wanted}, is needed; this picture has the mode {picture.mode}")
            if picture.height * picture.width > LARGEST_FRAME:
                raise UserError(f"{path}: {picture.height} x {picture.width} pixels are more than a frame can have")
            return np.asarray(picture)
    except UserError:
        raise
    except LeavesRootError as error:
        raise UserError(f"{path}: {error}; put the file itself there") from None
    except Exception as error:  # decoders raise anything on damaged bytes
        raise UserError(f"{path}: damaged label picture ({error})") from None
