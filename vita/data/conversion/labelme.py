"""labelme: a JSON file a frame, in a folder for each video.

`<source>/<video>/<frame>.json` is of the frame of the same name in `<frames>/<video>/`. The shapes of a video that
have the same `group_id`, or without one the same label, are of one object; those in one frame are parts of its mask.

Legend: H W pixels.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from vita.core.contract import Rle, UserError
from vita.core.files import read_json
from vita.data.conversion.frame_folders import label_folders
from vita.data.conversion.labelled_videos import LabelledVideos, TrackCollector
from vita.data.masks import rle
from vita.data.masks.rle import short
from vita.data.pictures import picture_size
from vita.data.safe_paths import resolved
from vita.data.value_limits import is_id, is_number

Size = tuple[int, int]
Identity = tuple[str, int | str]


@dataclass(frozen=True)
class _Shape:
    """One shape. where: file and place, for messages."""

    where: str
    label: str
    identity: Identity
    record: dict[str, Any]


@dataclass(frozen=True)
class _Frame:
    """What one file holds. size: (height, width) that it states; None where it states none."""

    path: Path
    shapes: list[_Shape]
    size: Any


def read_labelme(source: Path, frames: Path) -> LabelledVideos:
    """The content of a folder; categories are the labels, in alphabetical order.

    Raises UserError naming the file and the shape at fault.
    """
    read = [(folder, list(map(_read, folder.files))) for folder in label_folders(source, frames, ".json")]
    labels = sorted({shape.label for _, files in read for file in files for shape in file.shapes})
    ids = {name: number for number, name in enumerate(labels, start=1)}
    videos, collector, roots = [], TrackCollector(), resolved(frames)
    for folder, files in read:
        video = folder.video(picture_size(frames / folder.frames.frame_of(folder.files[0]), roots))
        size = (video.height, video.width)
        for number, file in enumerate(files):
            if file.size not in (None, size):
                raise UserError(f"{file.path}: it states the size {file.size}, the frames have {size} (height, width)")
            for shape in file.shapes:
                mask = _mask(shape, size)
                collector.add(folder.number, shape.identity, ids[shape.label], number, mask, shape.where)
        videos.append(video)
        collector.left_out["frames without a label file"] += folder.unlabelled
    categories = {number: name for name, number in ids.items()}
    return LabelledVideos(tuple(videos), categories, collector.tracks(), collector.left_out)


def _read(path: Path) -> _Frame:
    """The content of one file, without the picture that may be embedded in it."""
    document = read_json(path)
    shapes = document.get("shapes") if isinstance(document, dict) else None
    if not isinstance(shapes, list):
        raise UserError(
            f"{path}: not a labelme file: it needs the list `shapes` (a COCO file is named itself, not its folder)"
        )
    picture = document.get("imagePath")
    if isinstance(picture, str) and PurePosixPath(picture.replace("\\", "/")).stem != path.stem:
        raise UserError(
            f"{path}: it is of the picture {short(picture)}, which has another name; a label file has the name of its "
            "frame: rename one, and correct `imagePath`"
        )
    stated = (document.get("imageHeight"), document.get("imageWidth"))
    return _Frame(
        path,
        [_read_shape(f"{path}: shape {place}", shape) for place, shape in enumerate(shapes)],
        None if stated == (None, None) else stated,
    )


def _read_shape(where: str, record: Any) -> _Shape:
    label = record.get("label") if isinstance(record, dict) else None
    if not isinstance(label, str) or not label.strip():
        raise UserError(f"{where}: its `label` must be text, not {short(label)}")
    group = record.get("group_id")
    if group is not None and not is_id(group):
        raise UserError(f"{where} ('{label}'): `group_id` must be a whole number or null, not {short(group)}")
    identity: Identity = ("label", label) if group is None else ("group", group)
    return _Shape(where, label, identity, record)


def _mask(shape: _Shape, size: Size) -> Rle:
    kind = shape.record.get("shape_type", "polygon")
    try:
        if kind == "polygon":
            return rle.normalise([[value for point in _points(shape) for value in point]], *size)
        if kind == "mask":
            return _placed_mask(shape, size)
    except ValueError as error:
        raise UserError(f"{shape.where} ('{shape.label}'): {error}") from None
    what = "a box without a mask" if kind == "rectangle" else f"a shape of the type {short(kind)}"
    raise UserError(
        f"{shape.where} ('{shape.label}'): {what}; only `polygon` and `mask` are outlines of an object: draw one, or "
        "remove the shape"
    )


def _points(shape: _Shape) -> list[list[float]]:
    points = shape.record.get("points")
    if not isinstance(points, list) or not all(
        isinstance(point, list) and len(point) == 2 and all(map(is_number, point)) for point in points
    ):
        raise ValueError(f"`points` must be a list of [x, y], not {short(points)}")
    return points


def _placed_mask(shape: _Shape, size: Size) -> Rle:
    """A picture of the box from the first point to the second, both within it; what is not 0 is the object."""
    points = _points(shape)
    if len(points) != 2:
        raise ValueError(f"a mask has two points, its corners, and not {len(points)}")
    (left, top), (right, bottom) = ((int(x), int(y)) for x, y in points)
    part = _decode(shape.record.get("mask"))
    if part.shape != (bottom - top + 1, right - left + 1):
        raise ValueError(f"a mask of {list(part.shape)} pixels in a box of {[bottom - top + 1, right - left + 1]}")
    if min(left, top) < 0 or bottom >= size[0] or right >= size[1]:
        raise ValueError(f"the mask reaches out of the frame of {list(size)} (height, width)")
    mask = np.zeros((1, *size), bool)
    mask[0, top : bottom + 1, left : right + 1] = part
    return rle.encode(mask)[0]


def _decode(text: Any) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as picture:
            if len(picture.getbands()) != 1:
                raise ValueError(f"a picture of the mode {picture.mode}")
            return np.asarray(picture) != 0
    except Exception as error:  # decoders raise anything on damaged bytes
        raise ValueError(f"`mask` must be a grey PNG in base 64 ({error})") from None
