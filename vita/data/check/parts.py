"""The videos of a file that the parts of a data set read, by its local split and limit, and whether they are enough."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.data.annotations.contents import Contents, VideoEntry
from vita.data.annotations.findings import Findings, Kind
from vita.data.check.expectations import CheckTarget
from vita.data.dataset import Part, PartFiles, described_split
from vita.data.local_split import LocalSplit, make_local_split


@dataclass(frozen=True)
class VideosInUse:
    """videos: that any part reads; by_part: ids that each reads. Without a data set all, as if learned from."""

    videos: tuple[VideoEntry, ...]
    by_part: dict[Part, frozenset[int]]


def videos_in_use(target: CheckTarget, contents: Contents, findings: Findings) -> VideosInUse:
    """Those that the parts read, after the local split and the limit on videos."""
    if target.dataset is None:
        return VideosInUse(contents.videos, {"train": frozenset(video.id for video in contents.videos)})
    split, limit = _read_split(target.dataset, target.files, contents, findings), target.dataset.limit_videos
    by_part: dict[Part, frozenset[int]] = {}
    for part in target.parts:
        listed = None if split is None else split.videos(part)
        ids = [video.id for video in contents.videos if listed is None or video.id in listed]
        by_part[part] = frozenset(sorted(ids)[:limit])
    kept = frozenset().union(*by_part.values())
    return VideosInUse(tuple(video for video in contents.videos if video.id in kept), by_part)


def check_enough(in_use: VideosInUse, contents: Contents, learnable: Collection[int], findings: Findings) -> None:
    """Whether each part has a video, and that for training one of `learnable`; files without labels are told of."""
    for part, ids in in_use.by_part.items():
        if not ids:
            findings.add(Kind.NO_VIDEO, f"`{contents.format.videos}`", f"no sound {contents.format.video} for {part}")
        elif part == "train" and contents.records is not None and not ids & set(learnable):
            detail = f"none of {len(ids):,} {contents.format.videos} has one"
            findings.add(Kind.NOTHING_TO_LEARN, "`annotations`", detail)


def _read_split(dataset: DatasetConfig, files: PartFiles, contents: Contents, findings: Findings) -> LocalSplit | None:
    """The local split; None when there is none, or when it is not that of this file."""
    if files.ids is None:
        return None
    where = f"local split {files.ids}"
    if not files.ids.exists():
        hint = "not there yet; `vita data split` draws it, and so does the workflow; checked as it will be drawn"
        findings.add(Kind.NO_LOCAL_SPLIT, where, hint)
        return _drawn(dataset, files, where, findings)
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


def _drawn(dataset: DatasetConfig, files: PartFiles, where: str, findings: Findings) -> LocalSplit | None:
    """The local split that would be drawn; None when the file is not sound enough, which is told of already."""
    wanted = dataset.local_split
    if wanted is None or findings.count("error"):
        return None
    try:
        return make_local_split(dataset.name, files.annotations, wanted.valid_share, wanted.seed)
    except UserError as error:
        findings.add(Kind.LOCAL_SPLIT, where, str(error).removeprefix(f"{files.annotations}: "))
        return None
