"""Reading a file of annotations to its end, whatever is wrong with single entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vita.core.contract import UserError
from vita.data.check.contents import COCO, YTVIS, Contents, Format
from vita.data.check.findings import Findings, Kind
from vita.data.check.objects import read_objects
from vita.data.check.videos import read_videos
from vita.data.masks.rle import short
from vita.data.value_limits import is_id


def read_contents(document: Any, path: Path, format: Format | None, findings: Findings) -> Contents:
    """All sound entries of a file; what is wrong with others is added to `findings`.

    format: found out when None. Raises UserError when the file is not of that format at all.
    """
    format = format or (COCO if isinstance(document, dict) and "images" in document else YTVIS)
    needed = (format.videos, "categories")
    if not isinstance(document, dict) or any(not isinstance(document.get(key), list) for key in needed):
        raise UserError(f"{path}: not a {format.title} file: it needs the lists `{needed[0]}` and `categories`")
    labels = document.get("annotations")
    if not isinstance(labels, list) and (labels is not None or format.single):  # videos may be published without
        raise UserError(f"{path}: `annotations` must be a list, not {short(labels)}")
    categories = _read_categories(entries(document["categories"], "categories", "category", findings), findings)
    videos = read_videos(entries(document[format.videos], format.videos, format.video, findings), format, findings)
    objects = None
    if labels is not None:
        records = entries(labels, "annotations", "annotation", findings)
        objects = tuple(read_objects(records, videos, categories, format, findings))
    return Contents(
        format=format,
        videos=videos,
        objects=objects,
        categories=categories,
        videos_listed=len(document[format.videos]),
        objects_listed=len(labels or ()),
        annotated=_named(labels or (), format.video_id),
        used=_named(labels or (), "category_id"),
    )


def _named(records: Iterable[Any], key: str) -> frozenset[int]:
    values = (record.get(key) for record in records if isinstance(record, dict))
    return frozenset(value for value in values if is_id(value))


def entries(records: list[Any], key: str, noun: str, findings: Findings) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """(id, name in messages, record) of the entries that have an id of their own."""
    seen: dict[int, int] = {}
    for place, record in enumerate(records):
        where = f"`{key}` entry {place}"
        if not isinstance(record, dict):
            findings.add(Kind.STRUCTURE, where, f"an object is needed, found {short(record)}")
        elif "id" not in record:
            findings.add(Kind.STRUCTURE, where, "the key `id` is missing")
        elif not is_id(number := record["id"]):
            findings.add(Kind.ID, where, f"`id` must be a whole number, found {short(number)}")
        elif number in seen:
            findings.add(Kind.DUPLICATE_ID, f"{noun} {number}", f"`{key}` entries {seen[number]} and {place}")
        else:
            seen[number] = place
            yield number, f"{noun} {number}", record


def _read_categories(records: Iterator[tuple[int, str, dict[str, Any]]], findings: Findings) -> dict[int, str]:
    """Names by id; a category whose name is wrong is known by its id all the same."""
    names: dict[int, str] = {}
    taken: set[str] = set()
    for number, where, record in records:
        name = record.get("name")
        if not isinstance(name, str) or not name.strip():
            findings.add(Kind.CATEGORY_NAME, where, f"`name` must be text, found {short(name)}")
        elif name in taken:
            findings.add(Kind.CATEGORY_NAME, where, f"{short(name)} is also the name of another category")
        names[number] = name if isinstance(name, str) else ""
        taken.add(names[number])
    return names
