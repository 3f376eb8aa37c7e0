"""What a file of annotations holds, as far as it can be read; and how the two formats call it.

Legend: T frames of a video; an image is a video of one frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Format:
    """The words of a file format. single: entries are of one frame and stand there without a list."""

    title: str
    folder: str
    video: str
    videos: str
    video_id: str
    names: str
    segmentations: str
    boxes: str
    areas: str
    single: bool = False

    def per_frame(self, record: dict[str, Any], key: str) -> Any:
        """The value under `key` as YouTube-VIS has it, a list with one entry a frame; None when it is not there."""
        return [record[key]] if self.single and key in record else record.get(key)


YTVIS = Format(
    title="YouTube-VIS",
    folder="frame folder",
    video="video",
    videos="videos",
    video_id="video_id",
    names="file_names",
    segmentations="segmentations",
    boxes="bboxes",
    areas="areas",
)
COCO = Format(
    title="COCO",
    folder="folder of images",
    video="image",
    videos="images",
    video_id="image_id",
    names="file_name",
    segmentations="segmentation",
    boxes="bbox",
    areas="area",
    single=True,
)


@dataclass(frozen=True, eq=False)
class VideoEntry:
    """One video. names: None where the name cannot be used. height, width, length: 0 where they are impossible."""

    id: int
    where: str
    names: tuple[str | None, ...]
    length: int
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) in pixels; None when it is impossible."""
        return (self.height, self.width) if self.height else None


@dataclass(frozen=True, eq=False)
class ObjectEntry:
    """One annotation of a known video. record: as the file has it; only ids and `iscrowd` have been looked at."""

    id: int
    where: str
    video: VideoEntry
    record: dict[str, Any]

    @property
    def is_crowd(self) -> bool:
        """Whether it stands for a group; False where the file does not tell."""
        return bool(self.record.get("iscrowd", 0))


@dataclass(frozen=True)
class Contents:
    """A whole file. videos: the sound ones, in its order. categories: names by id, ascending.

    videos_listed: number of entries, sound or not. records: all annotations, unchecked; None when the file is
    published without labels.
    """

    format: Format
    videos: tuple[VideoEntry, ...]
    categories: dict[int, str]
    videos_listed: int
    records: list[Any] | None
