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


@dataclass
class _Objects:
    """All objects of a file, in its order.

    All of COCO as objects of Python would take gigabytes, once in every worker process; arrays are shared by them.

    ids, labels: (N); first_outline: (N + 1); first_corner: (O + 1); corners: (2 C), x and y in turn; codes: of objects
    without outlines, by number.
    """

    ids: array[int] = field(default_factory=lambda: array("q"))
    labels: array[int] = field(default_factory=lambda: array("q"))
    first_outline: array[int] = field(default_factory=lambda: array("q", [0]))
    first_corner: array[int] = field(default_factory=lambda: array("q", [0]))
    corners: array[float] = field(default_factory=lambda: array("d"))
    codes: dict[int, Rle] = field(default_factory=dict)
    crowds: set[int] = field(default_factory=set)

    def add(self, entry: ObjectEntry, label: int, findings: FirstFault) -> None:
        """Append an object. Raises UserError saying what is wrong with its mask."""
        number = len(self.ids)
        (segmentation,) = read_segmentations(entry, COCO, findings) or [None]
        try:
            if isinstance(segmentation, list):
                self._add_outlines(segmentation, entry.video)
            elif segmentation is not None:
                self.codes[number] = rle.normalise(segmentation, entry.video.height, entry.video.width)
        except ValueError as error:
            findings.add(Kind.MASK, entry.where, str(error))
        self.ids.append(entry.id)
        self.labels.append(label)
        self.first_outline.append(len(self.first_corner) - 1)
        if entry.is_crowd:
            self.crowds.add(number)

    def _add_outlines(self, outlines: list[Any], image: VideoEntry) -> None:
        rle.check_outlines(outlines, image.height, image.width)
        for outline in outlines:
            self.corners.extend(outline)
            self.first_corner.append(len(self.corners) // 2)

    def instance(self, number: int) -> Instance:
        """The object of this number, made anew."""
        return Instance(self.ids[number], self.labels[number], (self._segmentation(number),), number in self.crowds)

    def _segmentation(self, number: int) -> Segmentation:
        outlines = range(self.first_outline[number], self.first_outline[number + 1])
        if not outlines:
            return self.codes.get(number)
        corners, cut = np.asarray(self.corners).reshape(-1, 2), self.first_corner
        return Polygons(tuple(corners[cut[one] : cut[one + 1]] for one in outlines))


@dataclass(frozen=True, eq=False)
class ImageInstances(Sequence[tuple[Instance, ...]]):
    """The objects of each image, made when asked for.

    order: (N) numbers of the objects, image by image; first: (I + 1) where each image begins in it.
    """

    objects: _Objects
    order: Places
    first: Places

    def __len__(self) -> int:
        return len(self.first) - 1

    def __getitem__(self, place: Any) -> Any:
        """The objects of one image, (Instance, ...)."""
        if not 0 <= place < len(self):
            raise IndexError(f"image {place} of {len(self)}")
        return tuple(map(self.objects.instance, self.order[self.first[place] : self.first[place + 1]].tolist()))


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
    objects, images = _Objects(), array("q")
    for entry in read_objects(contents, findings):
        images.append(places[entry.video.id])
        objects.add(entry, labels[entry.record["category_id"]], findings)
        entry.record.clear()  # the file's numbers take far more memory than ours: let them go
    counts = np.bincount(np.asarray(images), minlength=len(videos))
    return Split(
        videos=videos,
        instances=ImageInstances(objects, np.argsort(images, kind="stable"), np.append(0, np.cumsum(counts))),
        category_ids=tuple(contents.categories),
        category_names=tuple(contents.categories.values()),
    )
