"""Reader of COCO instance annotations: each image is a video of one frame.

Legend: I images, N objects, O outlines, C corners (x, y) of outlines in pixels from the top left corner.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vita.core.contract import Rle, UserError, Video
from vita.core.files import read_json
from vita.data.masks import rle
from vita.data.masks.polygons import Polygons, Segmentation
from vita.data.safe_paths import resolved
from vita.data.ytvis import Instance, Split, category_name, read_videos, records_of, whole_number

KEYS = ("images", "annotations", "categories")
Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageInstances(Sequence[tuple[Instance, ...]]):
    """The objects of each image, made when asked for.

    All of COCO as objects of Python would take gigabytes, once in every worker process; arrays are shared by them.

    first: (I + 1) number of the first object of each image; ids, labels: (N); first_outline: (N + 1);
    first_corner: (O + 1); corners: (C, 2); codes: of the objects that have no outlines, by number.
    """

    first: Places
    ids: Places
    labels: Places
    first_outline: Places
    first_corner: Places
    corners: NDArray[np.float64]
    codes: dict[int, Rle]
    crowds: frozenset[int]

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, place: Any) -> Any:
        """The objects of one image, (Instance, ...)."""
        if not 0 <= place < len(self):
            raise IndexError(f"image {place} of {len(self)}")
        return tuple(self._instance(number) for number in range(self.first[place], self.first[place + 1]))

    def __iter__(self) -> Iterator[tuple[Instance, ...]]:
        return (self[place] for place in range(len(self)))

    def _instance(self, number: int) -> Instance:
        return Instance(
            id=int(self.ids[number]),
            label=int(self.labels[number]),
            segmentations=(self._segmentation(number),),
            is_crowd=number in self.crowds,
        )

    def _segmentation(self, number: int) -> Segmentation:
        outlines = range(self.first_outline[number], self.first_outline[number + 1])
        cut = self.first_corner
        if not outlines:
            return self.codes.get(number)
        return Polygons(tuple(self.corners[cut[one] : cut[one + 1]] for one in outlines))


def read_coco(annotations: Path, frames: Path, root: Path | None = None) -> Split:
    """The content of an annotation file; images of ascending id are videos of one frame.

    Polygons stay polygons; outlines of less than three corners, which COCO has a few of, are left out. `root` is the
    data set's folder (see `vita.data.ytvis.read_split`). Raises UserError naming the file and the image or annotation
    at fault. Images are not opened here.
    """
    document = _read_document(annotations, frames)
    categories = sorted(records_of(document, "categories", ("id", "name"), annotations), key=lambda one: one["id"])
    labels = {record["id"]: label for label, record in enumerate(categories)}
    images = records_of(document, "images", ("id", "width", "height", "file_name"), annotations)
    as_videos = [{**image, "file_names": [image["file_name"]]} for image in images]
    videos = read_videos({"videos": as_videos}, annotations, frames, resolved(frames, root or frames))
    return Split(
        videos=videos,
        instances=_read_objects(document, videos, labels, annotations),
        category_ids=tuple(labels),
        category_names=tuple(category_name(record, annotations) for record in categories),
    )


def _read_document(annotations: Path, frames: Path) -> dict[str, Any]:
    if not frames.is_dir():
        raise UserError(f"{frames}: no such folder of images; check the data set's `root`")
    document = read_json(annotations)
    if not isinstance(document, dict) or not set(KEYS) <= document.keys():
        raise UserError(f"{annotations}: not a COCO file of instances: it needs the keys {', '.join(KEYS)}")
    return document


@dataclass
class _Builder:
    """The arrays of `ImageInstances`, as far as read."""

    ids: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    first_outline: array[int] = field(default_factory=lambda: array("q", [0]))
    first_corner: array[int] = field(default_factory=lambda: array("q", [0]))
    corners: array[float] = field(default_factory=lambda: array("d"))
    codes: dict[int, Rle] = field(default_factory=dict)
    crowds: set[int] = field(default_factory=set)

    def add(self, record: dict[str, Any], image: Video, label: int) -> None:
        """One object. Raises ValueError saying what is wrong with its mask."""
        number = len(self.ids)
        segmentation = record.pop("segmentation")  # the file's numbers take far more memory than ours: let them go
        if isinstance(segmentation, list):
            self._add_outlines(segmentation, image)
        else:
            self.codes[number] = rle.normalise(segmentation, image.height, image.width)
        self.ids.append(record["id"])
        self.labels.append(label)
        self.first_outline.append(len(self.first_corner) - 1)
        if record.get("iscrowd", 0):
            self.crowds.add(number)

    def _add_outlines(self, outlines: list[Any], image: Video) -> None:
        for outline in outlines:
            if not isinstance(outline, list) or len(outline) % 2:
                raise ValueError("a polygon must be a list of x, y pairs")
            if len(outline) >= 6:
                self.corners.extend(_checked(outline, image))
                self.first_corner.append(len(self.corners) // 2)

    def finish(self, first: Places) -> ImageInstances:
        """first: (I + 1) number of the first object of each image."""
        return ImageInstances(
            first=first,
            ids=np.frombuffer(self.ids, np.int64) if self.ids else np.zeros(0, np.int64),
            labels=np.frombuffer(self.labels, np.int64) if self.labels else np.zeros(0, np.int64),
            first_outline=np.frombuffer(self.first_outline, np.int64),
            first_corner=np.frombuffer(self.first_corner, np.int64),
            corners=(np.frombuffer(self.corners) if self.corners else np.zeros(0)).reshape(-1, 2),
            codes=self.codes,
            crowds=frozenset(self.crowds),
        )


def _checked(outline: list[Any], image: Video) -> list[Any]:
    if not set(map(type, outline)) <= {int, float}:
        raise ValueError("the coordinates of a polygon must be numbers")
    near = all(
        -length <= min(along) and max(along) <= 2 * length
        for along, length in ((outline[::2], image.width), (outline[1::2], image.height))
    )
    if not near or not math.isfinite(sum(outline)):  # min and max may pass over what is not a number
        raise ValueError(f"a polygon reaches far out of the image of {[image.height, image.width]} (height, width)")
    return outline


def _read_objects(
    document: dict[str, Any], videos: tuple[Video, ...], labels: dict[int, int], path: Path
) -> ImageInstances:
    """By image, and in the order of the file within one."""
    places = {video.id: place for place, video in enumerate(videos)}
    records = records_of(document, "annotations", ("id", "image_id", "category_id", "segmentation"), path)
    where = [_place(record, places, labels, path) for record in records]
    builder = _Builder()
    for number in np.argsort(where, kind="stable").tolist():
        record = records[number]
        try:
            builder.add(record, videos[where[number]], labels[record["category_id"]])
        except ValueError as error:
            raise UserError(f"{path}: annotation {record['id']} of image {record['image_id']}: {error}") from None
    return builder.finish(np.append(0, np.cumsum(np.bincount(where, minlength=len(videos)))).astype(np.int64))


def _place(record: dict[str, Any], places: dict[int, int], labels: dict[int, int], path: Path) -> int:
    """The place of the annotation's image."""
    where = f"{path}: annotation {record['id']}"
    if whole_number(record, "category_id", where) not in labels:
        raise UserError(f"{where}: unknown category {record['category_id']}; known: {sorted(labels)}")
    if whole_number(record, "image_id", where) not in places:
        raise UserError(f"{where}: no image has the id {record['image_id']}")
    if record.get("iscrowd", 0) not in (0, 1):
        raise UserError(f"{where}: `iscrowd` must be 0 or 1, not {rle.short(record['iscrowd'])}")
    return places[record["image_id"]]
