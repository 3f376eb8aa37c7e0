"""The one reading of annotation files, in either format.

What is wrong is added to `findings`: with `FirstFault` the first error ends the reading, plain `Findings` collect all.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vita.core.contract import Rle, UserError
from vita.data.annotations.contents import COCO, YTVIS, Contents, Format, ObjectEntry, VideoEntry
from vita.data.annotations.findings import Findings, Kind
from vita.data.masks.rle import drop_lines, is_absent, normalise, short
from vita.data.safe_paths import fault_of_name, name_leaves
from vita.data.value_limits import LARGEST_FRAME, LARGEST_ID, is_id

Records = Iterator[tuple[int, str, dict[str, Any]]]  # id, name in messages, record


def read_contents(
    document: Any, source: Path | str, format: Format | None, findings: Findings, frames: bool = True
) -> Contents:
    """All sound videos and categories of a file, and its annotations for `read_objects`.

    format: found out when None. frames: whether files of frames are needed; without, a video may have a `length` alone.
    Raises UserError, which begins with `source`, when the file is not of that format at all.
    """
    format = format or (COCO if isinstance(document, dict) and "images" in document else YTVIS)
    keys = document if isinstance(document, dict) else {}
    if wrong := [key for key in (format.videos, "categories") if not isinstance(keys.get(key), list)]:
        raise UserError(
            f"{source}: not a {format.title} file: it needs the lists `{format.videos}` and `categories`, but "
            f"`{wrong[0]}` is {_shown(keys, wrong[0])}"
        )
    labels = keys.get("annotations")
    if not isinstance(labels, list) and (labels is not None or format.single):  # videos may be published without
        raise UserError(f"{source}: `annotations` must be a list, not {short(labels)}")
    categories = dict(_read_categories(entries(keys["categories"], "categories", "category", findings), findings))
    videos = entries(keys[format.videos], format.videos, format.video, findings)
    return Contents(
        format=format,
        videos=tuple(_read_video(*video, format, frames, findings) for video in videos),
        categories=dict(sorted(categories.items())),
        videos_listed=len(keys[format.videos]),
        records=labels,
    )


def _shown(record: dict[str, Any], key: str) -> str:
    return short(record[key]) if key in record else "missing"


def entries(records: list[Any], key: str, noun: str, findings: Findings) -> Records:
    """The entries that have an id of their own."""
    seen: dict[int, int] = {}
    for place, record in enumerate(records):
        where = f"`{key}` entry {place}"
        if not isinstance(record, dict):
            findings.add(Kind.STRUCTURE, where, f"an object is needed, found {short(record)}")
        elif (number := _read_id(where, record, "id", findings)) is None:
            continue
        elif number in seen:
            both = f"`{key}` entries {seen[number]} and {place}"
            findings.add(Kind.DUPLICATE_ID, f"{noun} {number}", f"{both} have this id; ids must differ")
        else:
            seen[number] = place
            yield number, f"{noun} {number}", record


def _read_id(where: str, record: dict[str, Any], key: str, findings: Findings) -> int | None:
    if key not in record:
        findings.add(Kind.STRUCTURE, where, f"the key `{key}` is missing")
    elif not is_id(number := record[key]):
        findings.add(Kind.ID, where, f"`{key}` must be a whole number, not {short(number)}")
    else:
        return number
    return None


def _read_categories(records: Records, findings: Findings) -> Iterator[tuple[int, str]]:
    """Ids and names; a category whose name is wrong is known by its id all the same."""
    for number, where, record in records:
        name = record.get("name")
        if not isinstance(name, str) or not name.strip():
            findings.add(Kind.CATEGORY_NAME, where, f"`name` must be text, not {short(name)}")
        yield number, name if isinstance(name, str) else ""


def _read_video(
    number: int, where: str, record: dict[str, Any], format: Format, frames: bool, findings: Findings
) -> VideoEntry:
    where = f"{where}{_folder(format.per_frame(record, format.names))}"
    names = _read_names(where, record, format, findings) if frames or format.names in record else []
    return VideoEntry(
        number,
        where,
        tuple(_usable(name, f"{where}, frame {t}", findings) for t, name in enumerate(names)) if frames else (),
        _read_length(where, record, len(names), format, findings) if names or not frames else 0,
        *_read_size(where, record, findings),
    )


def _folder(names: Any) -> str:
    """The folder of a video's frames, in brackets, for messages."""
    listed = (name for name in names if isinstance(name, str)) if isinstance(names, list) else iter(())
    folder = next((name.rpartition("/")[0] for name in listed if "/" in name and not name_leaves(name)), "")
    return f" ({printable(folder)})" if folder else ""


def printable(text: str) -> str:
    """For messages: text that a terminal shows, on one line."""
    return text if text.isprintable() else ascii(text)


def _read_names(where: str, record: dict[str, Any], format: Format, findings: Findings) -> list[Any]:
    names = format.per_frame(record, format.names)
    if format.names not in record:
        findings.add(Kind.STRUCTURE, where, f"the key `{format.names}` is missing")
    elif not isinstance(names, list):
        findings.add(Kind.STRUCTURE, where, f"`{format.names}` must be a list, found {short(names)}")
    elif not names:
        findings.add(Kind.LENGTH, where, f"`{format.names}` is empty")
    return names if isinstance(names, list) else []


def _usable(name: Any, where: str, findings: Findings) -> str | None:
    if not isinstance(name, str):
        findings.add(Kind.FILE_NAME, where, f"a file name must be text, found {short(name)}")
    elif name_leaves(name):
        findings.add(
            Kind.LEAVES_ROOT, where, f"the file name {short(name)} leaves the frame folder; use names relative to it"
        )
    elif fault := fault_of_name(name):
        findings.add(Kind.FILE_NAME, where, f"the file name {short(name)} {fault}")
    else:
        return name
    return None


def _read_length(where: str, record: dict[str, Any], names: int, format: Format, findings: Findings) -> int:
    """As many frames as names, which `length` may repeat; without names what `length` says, 0 when that is wrong.

    A number of frames may also be written as 4.0.
    """
    length = names if format.single else record.get("length", names)
    sound = type(length) in (int, float) and 1 <= length <= LARGEST_ID and length == int(length)
    if names and (not sound or length != names):
        findings.add(Kind.LENGTH, where, f"{names} file names for a `length` of {short(length)}")
    elif not sound:
        found = _shown(record, "length")
        findings.add(Kind.LENGTH, where, f"`length` must be a whole number of at least 1, but is {found}")
    return names or (int(length) if sound else 0)


def _read_size(where: str, record: dict[str, Any], findings: Findings) -> tuple[int, int]:
    """Height and width, both 0 when one is impossible."""
    height, width = record.get("height"), record.get("width")
    if type(height) is int and type(width) is int and min(height, width) > 0 and height * width <= LARGEST_FRAME:
        return height, width
    found = ", ".join(f"`{key}` is {_shown(record, key)}" for key in ("height", "width"))
    limit = f"they must be whole numbers of at least 1, together at most {LARGEST_FRAME} pixels"
    findings.add(Kind.SIZE, where, f"{found}; {limit}")
    return 0, 0


def read_objects(contents: Contents, findings: Findings) -> Iterator[ObjectEntry]:
    """The annotations of known videos, in the order of the file; what is wrong with any is added to `findings`."""
    format, by_id = contents.format, {video.id: video for video in contents.videos}
    for number, where, record in entries(contents.records or [], "annotations", "annotation", findings):
        video_id = _read_id(where, record, format.video_id, findings)
        video = None if video_id is None else by_id.get(video_id)
        if video_id is not None and video is None:
            findings.add(Kind.UNKNOWN_VIDEO, where, f"no {format.video} has the id {video_id}")
        place = f"{where} of {video.where}" if video else where
        category = _read_id(place, record, "category_id", findings)
        if category is not None and category not in contents.categories:
            known = short(list(contents.categories))
            findings.add(Kind.UNKNOWN_CATEGORY, place, f"unknown category {category}; known: {known}")
        if record.get("iscrowd", 0) not in (0, 1):
            findings.add(Kind.STRUCTURE, place, f"`iscrowd` must be 0 or 1, not {short(record['iscrowd'])}")
        if video is not None:
            yield ObjectEntry(number, place, video, record)


def read_list(entry: ObjectEntry, key: str, length: int, format: Format, findings: Findings) -> list[Any] | None:
    """The list under `key`, of one entry a frame; None when it is not there or of another length (0: any will do)."""
    values = format.per_frame(entry.record, key)
    if key not in entry.record:
        findings.add(Kind.STRUCTURE, entry.where, f"the key `{key}` is missing")
    elif not isinstance(values, list):
        findings.add(Kind.STRUCTURE, entry.where, f"`{key}` must be a list, found {short(values)}")
    elif length and len(values) != length:
        findings.add(Kind.LENGTH, entry.where, f"`{key}` has {len(values)} entries for {length} frames")
    else:
        return values
    return None


def read_segmentations(entry: ObjectEntry, format: Format, findings: Findings) -> list[Any] | None:
    """A mask a frame, still unchecked, None where the object is absent; None without a list that fits the video."""
    values = read_list(entry, format.segmentations, entry.video.length, format, findings)
    return None if values is None else [_image_mask(one) if format.single else _video_mask(one) for one in values]


def _video_mask(segmentation: Any) -> Any:
    if is_absent(segmentation):
        return None
    return drop_lines(segmentation) or segmentation if isinstance(segmentation, list) else segmentation


def _image_mask(segmentation: Any) -> Any:
    """Of an image every object has a mask, but COCO has a few whose outlines hold no pixel.

    What must be there, but is null, becomes a mask that is malformed.
    """
    if isinstance(segmentation, list):
        return drop_lines(segmentation) or None
    return {} if segmentation is None else segmentation


def read_codes(where: str, segmentations: list[Any], size: tuple[int, int], findings: Findings) -> dict[int, Rle]:
    """The sound masks of an object, by frame."""
    codes: dict[int, Rle] = {}
    for t, segmentation in enumerate(segmentations):
        if segmentation is None:
            continue
        try:
            codes[t] = normalise(segmentation, *size)
        except ValueError as error:
            stated = segmentation.get("size") if isinstance(segmentation, dict) else None
            other_size = isinstance(stated, list) and stated != list(size)
            findings.add(Kind.MASK_SIZE if other_size else Kind.MASK, f"{where}, frame {t}", str(error))
    return codes
