"""COCO files whose annotations say which object they are of: mmdetection's COCO-video, and exports with track ids.

mmdetection: `images` have `video_id` and `frame_id`, `annotations` an `instance_id`. Exports of annotation tools:
`track_id` in an annotation or in its `attributes`; images without `video_id` are a video for each folder.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath
from typing import Any

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.data.annotations.contents import COCO, Contents, ObjectEntry, VideoEntry
from vita.data.annotations.findings import FirstFault, Kind
from vita.data.annotations.reader import read_codes, read_contents, read_objects, read_segmentations
from vita.data.conversion.labelled_videos import LabelledVideo, LabelledVideos, TrackCollector
from vita.data.masks.rle import is_absent, short
from vita.data.name_order import natural_key
from vita.data.value_limits import is_id

IDENTITIES = ("instance_id", "track_id")
Records = dict[int, dict[str, Any]]  # entries of `images`, by id


def read_coco_tracks(source: Path) -> LabelledVideos:
    """The content of a file. Raises UserError naming the image or annotation at fault."""
    document, findings = read_json(source), FirstFault(source=source)
    if isinstance(document, dict) and "images" not in document and "videos" in document:
        raise UserError(
            f"{source}: it has `videos` but no `images`: a YouTube-VIS file is used as it is, see docs/own_data.md"
        )
    contents = read_contents(document, source, COCO, findings)
    records: Records = {record["id"]: record for record in document["images"]}
    videos, places = _group(contents, records, _names(document), source)
    collector, used = TrackCollector(), Counter[int]()
    for entry in read_objects(contents, findings):
        used[entry.record["category_id"]] += 1
        _add(entry, places[entry.video.id], collector, findings)
    categories = dict(contents.categories)
    if 0 in categories and not used[0]:  # some exports put a name for all categories there
        collector.left_out[f"unused category 0 {short(categories.pop(0))}"] += 1
    return LabelledVideos(videos, categories, collector.tracks(), collector.left_out)


def _names(document: dict[str, Any]) -> dict[int, str]:
    """Of the videos that are listed, by id; the list is for names only, so what is odd in it is passed over."""
    listed = document.get("videos")
    records = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {one["id"]: one["name"] for one in records if is_id(one.get("id")) and isinstance(one.get("name"), str)}


def _group(
    contents: Contents, records: Records, names: dict[int, str], source: Path
) -> tuple[tuple[LabelledVideo, ...], dict[int, tuple[int, int]]]:
    """The videos, and of each image its video and its frame."""
    videos, places = [], {}
    for number, name, images in _videos(contents.videos, records, names, source):
        ordered = _in_order(images, records, source)
        first = ordered[0]
        for image in ordered:
            if image.size != first.size:
                raise UserError(
                    f"{source}: {image.where}: its size {image.size} is not that of {first.where}, {first.size} "
                    f"(height, width), in the same video {short(name)}; all frames of a video have one size"
                )
        places.update({image.id: (number, frame) for frame, image in enumerate(ordered)})
        files = tuple(str(image.names[0]) for image in ordered)
        videos.append(LabelledVideo(number, name, files, first.height, first.width))
    return tuple(videos), places


def _videos(
    images: tuple[VideoEntry, ...], records: Records, names: dict[int, str], source: Path
) -> list[tuple[int, str, list[VideoEntry]]]:
    """Id, name and images of each video: those of one `video_id`, or without any those of one folder."""
    with_id = [image for image in images if "video_id" in records[image.id]]
    if not with_id:
        folders: dict[str, list[VideoEntry]] = {}
        for image in images:
            folders.setdefault(PurePosixPath(str(image.names[0])).parent.as_posix(), []).append(image)
        ordered = sorted(folders, key=natural_key)
        return [(number, name, folders[name]) for number, name in enumerate(ordered, start=1)]
    by_id: dict[int, list[VideoEntry]] = {}
    for image in images:
        number = records[image.id].get("video_id")
        if not is_id(number):
            found = short(number) if "video_id" in records[image.id] else "missing, though other images have it"
            raise UserError(f"{source}: {image.where}: `video_id` must be a whole number, but is {found}")
        by_id.setdefault(number, []).append(image)
    return [(number, names.get(number, f"video {number}"), by_id[number]) for number in sorted(by_id)]


def _in_order(images: list[VideoEntry], records: Records, source: Path) -> list[VideoEntry]:
    """By `frame_id`; by name where no image of the video has one."""
    numbers = {image.id: records[image.id].get("frame_id") for image in images}
    if all(number is None for number in numbers.values()):
        return sorted(images, key=lambda image: natural_key(str(image.names[0])))
    seen: dict[int, VideoEntry] = {}
    for image in images:
        number = numbers[image.id]
        if not is_id(number):
            raise UserError(f"{source}: {image.where}: `frame_id` must be a whole number, but is {short(number)}")
        if number in seen:
            raise UserError(
                f"{source}: {image.where}: `frame_id` {number} is also that of {seen[number].where} of the same video"
            )
        seen[number] = image
    return [seen[number] for number in sorted(seen)]


def _add(entry: ObjectEntry, place: tuple[int, int], collector: TrackCollector, findings: FirstFault) -> None:
    record, size = entry.record, entry.video.size
    if is_absent(record.get("segmentation")):
        box = record.get("bbox")
        if isinstance(box, list) and any(box):
            findings.add(
                Kind.MASK, entry.where, f"a box {short(box)} without a mask; draw its mask, or remove the annotation"
            )
        collector.left_out["annotations without a mask, of objects that are not seen"] += 1
        return
    segmentations = read_segmentations(entry, COCO, findings) or []
    codes = read_codes(entry.where, segmentations, size or (0, 0), findings)
    if 0 not in codes:
        collector.left_out["masks without a pixel"] += 1
        return
    video, frame = place
    identity = _identity(entry, findings)
    where = f"{findings.source}: {entry.where}"
    collector.add(video, identity, record["category_id"], frame, codes[0], where, entry.is_crowd)


def _identity(entry: ObjectEntry, findings: FirstFault) -> int | str | tuple[str, int]:
    """Which object of its video it is of; a crowd that does not tell is one of its own."""
    attributes = entry.record.get("attributes")
    for record in (entry.record, attributes if isinstance(attributes, dict) else {}):
        for key in IDENTITIES:
            value = record.get(key)
            if is_id(value) or (isinstance(value, str) and value):
                return value
            if value is not None:
                findings.add(Kind.ID, entry.where, f"`{key}` must be a whole number or text, not {short(value)}")
    if not entry.is_crowd:
        keys = " or ".join(f"`{key}`" for key in IDENTITIES)
        detail = f"it has no {keys} (in `attributes` neither): what tells which object it is, in all frames"
        findings.add(Kind.STRUCTURE, entry.where, detail)
    return ("crowd", entry.id)
