"""What the data set's YAML says of a file: categories, counts, the local split."""

from __future__ import annotations

from vita.contract import UserError
from vita.data.check.contents import Contents, VideoEntry
from vita.data.check.finding import Findings, Kind
from vita.data.check.subject import Subject
from vita.data.dataset import PartFiles, described_split
from vita.data.local_split import LocalSplit
from vita.data.rle import short
from vita.dataset_config import DatasetConfig


def check_expectations(subject: Subject, contents: Contents, findings: Findings) -> None:
    """Hold the file against what is expected of it."""
    if subject.dataset is not None and subject.dataset.categories is not None:
        _check_categories(contents.categories, subject.dataset.categories, findings)
    if published := subject.published:
        _check_count(f"`{contents.format.videos}`", contents.videos_listed, published.videos, findings)
        if contents.objects is not None:
            _check_count("`annotations`", contents.objects_listed, published.instances, findings)
    if contents.objects_listed:
        _check_use(subject, contents, findings)
    if subject.needs_labels and not contents.objects_listed:
        parts = ", ".join(subject.parts)
        findings.add(Kind.NO_LABELS, "`annotations`", f"there are none, but the file is in use as {parts}")


def _check_use(subject: Subject, contents: Contents, findings: Findings) -> None:
    """Videos without objects; and categories without, where they are to be learned."""
    for video in contents.videos:
        if video.id not in contents.annotated:
            findings.add(Kind.EMPTY_VIDEO, video.where, "no annotation is of it")
    for number, name in contents.categories.items():
        if number not in contents.used and ("train" in subject.parts or not subject.parts):
            findings.add(Kind.UNUSED_CATEGORY, f"category {number}", f"{short(name)} has no annotation")


def _check_categories(found: dict[int, str], expected: dict[int, str], findings: Findings) -> None:
    for number in sorted(found.keys() | expected.keys()):
        if found.get(number) != expected.get(number):
            names = [short(one[number]) if number in one else "none" for one in (found, expected)]
            findings.add(Kind.CATEGORIES, f"category {number}", f"the file has {names[0]}, the YAML {names[1]}")


def _check_count(where: str, found: int, expected: int | None, findings: Findings) -> None:
    if expected is not None and found != expected:
        findings.add(Kind.COUNT, where, f"{found} entries, expected {expected}")


def videos_in_use(subject: Subject, contents: Contents, findings: Findings) -> tuple[VideoEntry, ...]:
    """Those that the parts read, after the local split and the limit on videos."""
    if subject.dataset is None:
        return contents.videos
    split, limit = _read_split(subject.dataset, subject.files, contents, findings), subject.dataset.limit_videos
    kept: set[int] = set()
    for part in subject.parts:
        listed = None if split is None else split.videos(part)
        ids = [video.id for video in contents.videos if listed is None or video.id in listed]
        kept.update(sorted(ids)[:limit])
    return tuple(video for video in contents.videos if video.id in kept)


def _read_split(dataset: DatasetConfig, files: PartFiles, contents: Contents, findings: Findings) -> LocalSplit | None:
    """The local split; None when there is none, or when it is not that of this file."""
    if files.ids is None:
        return None
    where = f"local split {files.ids}"
    if not files.ids.exists():
        hint = "not there yet; `vita data split` draws it, and the first run does; until then all videos are checked"
        findings.add(Kind.NO_LOCAL_SPLIT, where, hint)
        return None
    try:
        split = described_split(dataset, files.ids, files.annotations)
    except UserError as error:
        findings.add(Kind.LOCAL_SPLIT, where, str(error).removeprefix(f"{files.ids}: "))
        return None
    listed, known = {*split.train, *split.valid}, {video.id for video in contents.videos}
    for number in sorted(listed - known):
        findings.add(Kind.LOCAL_SPLIT, where, f"it lists video {number}, which the file does not have")
    for number in sorted(known - listed):
        findings.add(Kind.LOCAL_SPLIT, where, f"it leaves out video {number}")
    return split
