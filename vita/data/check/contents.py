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


YTVIS = Format("YouTube-VIS", "video", "videos", "video_id", "file_names", "segmentations", "bboxes", "areas")
COCO = Format("COCO", "image", "images", "image_id", "file_name", "segmentation", "bbox", "area", single=True)


@dataclass(frozen=True, eq=False)
class VideoEntry:
    """One video. names: None where the name cannot be used. size: (height, width), None when it is impossible."""

    id: int
    where: str
    names: tuple[str | None, ...]
    size: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class ObjectEntry:
    """One annotation of a known video. Lists have T entries, still unchecked; None when the file has no such list."""

    id: int
    where: str
    video: VideoEntry
    segmentations: list[Any]
    boxes: list[Any] | None
    areas: list[Any] | None


@dataclass(frozen=True)
class Contents:
    """A whole file. objects: those whose masks can be checked; None when it is published without labels.

    The rest is of all entries, sound or not. annotated, used: ids of videos and categories that annotations name.
    """

    format: Format
    videos: tuple[VideoEntry, ...]
    objects: tuple[ObjectEntry, ...] | None
    categories: dict[int, str]
    videos_listed: int
    objects_listed: int
    annotated: frozenset[int]
    used: frozenset[int]
