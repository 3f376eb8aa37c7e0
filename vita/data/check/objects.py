"""The entries of annotations: what they refer to, and one entry a frame in each of their lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from vita.data.check.contents import Format, ObjectEntry, VideoEntry
from vita.data.check.findings import Findings, Kind
from vita.data.masks.rle import short
from vita.data.value_limits import is_id


def read_objects(
    records: Iterable[tuple[int, str, dict[str, Any]]],
    videos: tuple[VideoEntry, ...],
    categories: dict[int, str],
    format: Format,
    findings: Findings,
) -> Iterator[ObjectEntry]:
    """The entries whose masks can be checked; what is wrong with any is added to `findings`."""
    by_id = {video.id: video for video in videos}
    for number, where, record in records:
        video_id = _reference(where, record, format.video_id, by_id, Kind.UNKNOWN_VIDEO, findings)
        video = None if video_id is None else by_id[video_id]
        place = f"{where} of {video.where}" if video else where
        _reference(place, record, "category_id", categories, Kind.UNKNOWN_CATEGORY, findings)
        if record.get("iscrowd", 0) not in (0, 1):
            findings.add(Kind.STRUCTURE, place, f"`iscrowd` must be 0 or 1, found {short(record['iscrowd'])}")
        if video is not None:
            _check_repeated(place, record, video, format, findings)
            lists = _read_lists(place, record, video, format, findings)
            if lists is not None:
                yield ObjectEntry(number, place, video, *lists)


def _reference(
    where: str, record: dict[str, Any], key: str, known: dict[int, Any], unknown: Kind, findings: Findings
) -> int | None:
    """The id under `key` when it is known."""
    if key not in record:
        findings.add(Kind.STRUCTURE, where, f"the key `{key}` is missing")
    elif not is_id(number := record[key]):
        findings.add(Kind.ID, where, f"`{key}` must be a whole number, found {short(number)}")
    elif number not in known:
        findings.add(unknown, where, f"its `{key}` is {number}")
    else:
        return number
    return None


def _check_repeated(where: str, record: dict[str, Any], video: VideoEntry, format: Format, findings: Findings) -> None:
    """YouTube-VIS files repeat the size and length of the video in each annotation."""
    size = video.size or (None, None)
    expected = {"height": size[0], "width": size[1], "length": len(video.names)}
    for key, value in expected.items():
        if not format.single and value and record.get(key, value) != value:
            findings.add(Kind.ANNOTATION_SIZE, where, f"`{key}` is {short(record[key])}, that of the video {value}")


def _read_lists(
    where: str, record: dict[str, Any], video: VideoEntry, format: Format, findings: Findings
) -> tuple[list[Any], list[Any] | None, list[Any] | None] | None:
    """Masks, boxes and areas; None without a list of masks that fits the video."""
    if format.segmentations not in record:
        findings.add(Kind.STRUCTURE, where, f"the key `{format.segmentations}` is missing")
        return None
    segmentations = _read_list(where, record, format.segmentations, len(video.names), format, findings)
    if segmentations is None:
        return None
    # A video whose frames are not known is as long as the masks of its objects.
    length = len(video.names) or len(segmentations)
    boxes, areas = (_read_list(where, record, key, length, format, findings) for key in (format.boxes, format.areas))
    return ([_image_mask(one) for one in segmentations] if format.single else segmentations, boxes, areas)


def _image_mask(segmentation: Any) -> Any:
    """COCO has a few outlines of less than three corners, which hold no pixel: left out here as by the reader.

    What must be there, but is null, becomes a mask that is malformed.
    """
    if not isinstance(segmentation, list):
        return {} if segmentation is None else segmentation
    return [one for one in segmentation if not (isinstance(one, list) and len(one) in (0, 2, 4))] or None


def _read_list(
    where: str, record: dict[str, Any], key: str, length: int, format: Format, findings: Findings
) -> list[Any] | None:
    values = format.per_frame(record, key)
    if values is None and key != format.segmentations:  # boxes and areas may be left out
        return None
    if not isinstance(values, list):
        findings.add(Kind.STRUCTURE, where, f"`{key}` must be a list, found {short(values)}")
    elif length and len(values) != length:
        findings.add(Kind.LENGTH, where, f"`{key}` has {len(values)} entries for {length} frames")
    else:
        return values
    return None
