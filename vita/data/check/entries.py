"""What is looked for in entries that are read already: names of frames and categories, and lists beside the masks.

Legend: T frames of a video; an image is a video of one frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vita.data.annotations.contents import Contents, Format, ObjectEntry, VideoEntry
from vita.data.annotations.findings import Findings, Kind
from vita.data.annotations.reader import read_list, read_objects, read_segmentations
from vita.data.masks.rle import short
from vita.data.name_order import natural_key


@dataclass(frozen=True, eq=False)
class ListedObject:
    """One annotation of a known video. Lists have T entries, still unchecked; None when the file has no such list."""

    id: int
    where: str
    video: VideoEntry
    segmentations: list[Any]
    boxes: list[Any] | None
    areas: list[Any] | None
    is_crowd: bool


def list_objects(contents: Contents, findings: Findings) -> Iterator[ListedObject]:
    """The annotations whose masks can be checked; what is wrong with any is added to `findings`."""
    format = contents.format
    for entry in read_objects(contents, findings):
        _check_repeated(entry, format, findings)
        segmentations = read_segmentations(entry, format, findings)
        if segmentations is not None:
            # A video whose frames are not known is as long as the masks of its objects.
            length = entry.video.length or len(segmentations)
            boxes, areas = (_optional(entry, key, length, format, findings) for key in (format.boxes, format.areas))
            yield ListedObject(entry.id, entry.where, entry.video, segmentations, boxes, areas, entry.is_crowd)


def _optional(entry: ObjectEntry, key: str, length: int, format: Format, findings: Findings) -> list[Any] | None:
    missing = format.per_frame(entry.record, key) is None
    return None if missing else read_list(entry, key, length, format, findings)


def _check_repeated(entry: ObjectEntry, format: Format, findings: Findings) -> None:
    """YouTube-VIS files repeat the size and length of the video in each annotation."""
    video, record = entry.video, entry.record
    expected = {"height": video.height, "width": video.width, "length": video.length}
    for key, value in expected.items():
        if not format.single and value and record.get(key, value) != value:
            detail = f"`{key}` is {short(record[key])}, that of the video {value}"
            findings.add(Kind.ANNOTATION_SIZE, entry.where, detail)


def check_names(contents: Contents, findings: Findings) -> None:
    """Frames that are listed twice or out of order, and names that two categories have."""
    for video in contents.videos:
        _check_names(video, findings)
    _check_shared(contents.videos, findings)
    taken: set[str] = set()
    for number, name in contents.categories.items():
        if name and name in taken:
            detail = f"{short(name)} is also the name of another category"
            findings.add(Kind.CATEGORY_NAME, f"category {number}", detail)
        taken.add(name)


def _check_names(video: VideoEntry, findings: Findings) -> None:
    places: dict[str, list[int]] = {}
    for t, name in enumerate(video.names):
        if name is not None:
            places.setdefault(name, []).append(t)
    for name, listed in places.items():
        if len(listed) > 1:
            findings.add(Kind.FRAME_REPEATED, video.where, f"{short(name)} is listed as frames {short(listed)}")
    known = [name for name in video.names if name is not None]
    keys = [natural_key(name) for name in known]
    for earlier, later, name in zip(keys, keys[1:], known[1:], strict=False):
        if later < earlier:
            findings.add(Kind.FRAME_ORDER, video.where, f"{short(name)} stands after a name that is greater")
            return


def _check_shared(videos: tuple[VideoEntry, ...], findings: Findings) -> None:
    """One finding a pair of videos, not one a frame."""
    owner: dict[str, VideoEntry] = {}
    told: set[tuple[int, int]] = set()
    for video in videos:
        for name in filter(None, video.names):
            first = owner.setdefault(name, video)
            if first is not video and (first.id, video.id) not in told:
                told.add((first.id, video.id))
                findings.add(Kind.FRAME_SHARED, video.where, f"{short(name)} is also a frame of {first.where}")
