"""The entries of videos: names of frames, sizes, lengths."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from vita.data.check.contents import Format, VideoEntry
from vita.data.check.findings import Findings, Kind
from vita.data.masks.rle import short
from vita.data.safe_paths import fault_of_name, name_leaves
from vita.data.value_limits import LARGEST_FRAME


def read_videos(
    records: Iterable[tuple[int, str, dict[str, Any]]], format: Format, findings: Findings
) -> tuple[VideoEntry, ...]:
    """All entries, in the order of the file; what is wrong with them is added to `findings`."""
    videos = tuple(_read_video(*record, format, findings) for record in records)
    _check_shared(videos, findings)
    return videos


def _read_video(number: int, where: str, record: dict[str, Any], format: Format, findings: Findings) -> VideoEntry:
    where = f"{where}{_folder(format.per_frame(record, format.names))}"
    names = _read_names(where, record, format, findings)
    if names and not format.single and (length := record.get("length", len(names))) != len(names):
        findings.add(Kind.LENGTH, where, f"{len(names)} file names for a `length` of {short(length)}")
    _check_names(where, names, findings)
    return VideoEntry(number, where, names, _read_size(where, record, findings))


def _folder(names: Any) -> str:
    """The folder of a video's frames, in brackets, for messages."""
    listed = (name for name in names if isinstance(name, str)) if isinstance(names, list) else iter(())
    folder = next((name.rpartition("/")[0] for name in listed if "/" in name and not name_leaves(name)), "")
    return f" ({printable(folder)})" if folder else ""


def _read_names(where: str, record: dict[str, Any], format: Format, findings: Findings) -> tuple[str | None, ...]:
    names = format.per_frame(record, format.names)
    if not isinstance(names, list):
        found = f"found {short(names)}" if format.names in record else "which is missing"
        findings.add(Kind.STRUCTURE, where, f"`{format.names}` must be a list, {found}")
        return ()
    if not names:
        findings.add(Kind.LENGTH, where, f"`{format.names}` is empty")
    return tuple(_usable(name, f"{where}, frame {t}", findings) for t, name in enumerate(names))


def _usable(name: Any, where: str, findings: Findings) -> str | None:
    if not isinstance(name, str):
        findings.add(Kind.FILE_NAME, where, f"a file name must be text, found {short(name)}")
    elif name_leaves(name):
        findings.add(Kind.LEAVES_ROOT, where, f"the name {short(name)} leads out of the folder of frames")
    elif fault := fault_of_name(name):
        findings.add(Kind.FILE_NAME, where, f"{short(name)} {fault}")
    else:
        return name
    return None


def _read_size(where: str, record: dict[str, Any], findings: Findings) -> tuple[int, int] | None:
    height, width = record.get("height"), record.get("width")
    whole = type(height) is int and type(width) is int
    if whole and height > 0 and width > 0 and height * width <= LARGEST_FRAME:  # type: ignore[operator]
        return (height, width)  # type: ignore[return-value]
    limit = f"they must be whole numbers of at least 1, together at most {LARGEST_FRAME} pixels"
    findings.add(Kind.SIZE, where, f"`height` is {short(height)}, `width` is {short(width)}; {limit}")
    return None


def _check_names(where: str, names: tuple[str | None, ...], findings: Findings) -> None:
    places: dict[str, list[int]] = {}
    for t, name in enumerate(names):
        if name is not None:
            places.setdefault(name, []).append(t)
    for name, listed in places.items():
        if len(listed) > 1:
            findings.add(Kind.FRAME_REPEATED, where, f"{short(name)} is listed as frames {short(listed)}")
    known = [name for name in names if name is not None]
    keys = [_natural(name) for name in known]
    for earlier, later, name in zip(keys, keys[1:], known[1:], strict=False):
        if later < earlier:
            findings.add(Kind.FRAME_ORDER, where, f"{short(name)} stands after a name that is greater")
            return


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that orders numbers in names by value: 2.jpg before 10.jpg."""
    parts = re.split(r"([0-9]+)", name)
    return [(len(part.lstrip("0")), part.lstrip("0")) if odd % 2 else (0, part) for odd, part in enumerate(parts)]


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


def printable(text: str) -> str:
    """For messages: text that a terminal shows, on one line."""
    return text if text.isprintable() else ascii(text)
