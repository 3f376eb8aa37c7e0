"""Reader of COCO instance annotations: each image is a video of one frame.

Legend: I images, N objects, O outlines, C corners (x, y) of outlines in pixels from the top left corner.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vita.core.contract import Rle
from vita.data.annotations.contents import COCO, ObjectEntry, VideoEntry
from vita.data.annotations.findings import FirstFault, Kind
from vita.data.annotations.reader import read_objects, read_segmentations
from vita.data.masks import rle
from vita.data.masks.polygons import Polygons, Segmentation
from vita.data.ytvis import Instance, Split, list_videos, read_sound

Places = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ImageInstances(Sequence[tuple[Instance, ...]]):
    """The objects of each image, made when asked for.

    All of COCO as objects of Python would take gigabytes, once in every worker process; arrays are shared by them.

    order: (N) numbers of the objects, image by image; first: (I + 1) where each image begins in it; ids, labels: (N);
    first_outline: (N + 1); first_corner: (O + 1); corners: (C, 2); codes: of objects without outlines, by number.
    """

    order: Places
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
        return tuple(map(self._instance, self.order[self.first[place] : self.first[place + 1]].tolist()))

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
    contents, findings = read_sound(annotations, frames, COCO)
    videos = list_videos(contents, annotations, frames, root)
    labels = {category: label for label, category in enumerate(contents.categories)}
    places = {video.id: place for place, video in enumerate(videos)}
    builder = _Builder()
    for entry in read_objects(contents, findings):
        builder.add(entry, places[entry.video.id], labels[entry.record["category_id"]], findings)
        entry.record.clear()  # the file's numbers take far more memory than ours: let them go
    return Split(
        videos=videos,
        instances=builder.finish(len(videos)),
        category_ids=tuple(contents.categories),
        category_names=tuple(contents.categories.values()),
    )


@dataclass
class _Builder:
    """The arrays of `ImageInstances`, as far as read."""

    images: array[int] = field(default_factory=lambda: array("q"))
    ids: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    first_outline: array[int] = field(default_factory=lambda: array("q", [0]))
    first_corner: array[int] = field(default_factory=lambda: array("q", [0]))
    corners: array[float] = field(default_factory=lambda: array("d"))
    codes: dict[int, Rle] = field(default_factory=dict)
    crowds: set[int] = field(default_factory=set)

    def add(self, entry: ObjectEntry, image: int, label: int, findings: FirstFault) -> None:
        """One object. image: its place. Raises UserError saying what is wrong with its mask."""
        number = len(self.ids)
        (segmentation,) = read_segmentations(entry, COCO, findings) or [None]
        try:
            if isinstance(segmentation, list):
                self._add_outlines(segmentation, entry.video)
            elif segmentation is not None:
                self.codes[number] = rle.normalise(segmentation, entry.video.height, entry.video.width)
        except ValueError as error:
            findings.add(Kind.MASK, entry.where, str(error))
        self.images.append(image)
        self.ids.append(entry.id)
        self.labels.append(label)
        self.first_outline.append(len(self.first_corner) - 1)
        if entry.is_crowd:
            self.crowds.add(number)

    def _add_outlines(self, outlines: list[Any], image: VideoEntry) -> None:
        for outline in outlines:
            rle.check_outline(outline, image.height, image.width)
            self.corners.extend(outline)
            self.first_corner.append(len(self.corners) // 2)

    def finish(self, images: int) -> ImageInstances:
        """Of so many images."""
        of_image = np.asarray(self.images)
        return ImageInstances(
            order=np.argsort(of_image, kind="stable"),
            first=np.append(0, np.cumsum(np.bincount(of_image, minlength=images))).astype(np.int64),
            ids=np.asarray(self.ids),
            labels=np.asarray(self.labels),
            first_outline=np.asarray(self.first_outline),
            first_corner=np.asarray(self.first_corner),
            corners=np.asarray(self.corners).reshape(-1, 2),
            codes=self.codes,
            crowds=frozenset(self.crowds),
        )
