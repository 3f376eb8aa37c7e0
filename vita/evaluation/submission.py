"""The archive that evaluation servers of YouTube-VIS take: `results.json`, alone and in no folder."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from vita.core.contract import UserError
from vita.core.files import atomic_write, read_json, sha256
from vita.core.progress import progress
from vita.core.written_files import check_as_written
from vita.data.value_limits import finite_number, whole_number
from vita.evaluation.readers.ground_truth import VideoSize
from vita.evaluation.readers.whole_track import whole_track

MEMBER = "results.json"
KEYS = ("video_id", "category_id", "score", "segmentations")
LARGE = 2**31  # bytes, beyond which an archive needs its 64-bit form


@dataclass(frozen=True)
class Submission:
    """What an archive holds. empty_videos: ids of the videos without a track."""

    path: Path
    tracks: int
    videos: int
    empty_videos: tuple[int, ...]

    def summary(self) -> str:
        """For people, with what identifies the archive."""
        empty = ", ".join(map(str, self.empty_videos[:5])) + (", ..." if len(self.empty_videos) > 5 else "")
        without = f"{len(self.empty_videos)} videos without a track ({empty})" if empty else "no video without a track"
        return f"{self.path}: {self.tracks} tracks of {self.videos} videos, {without}; SHA-256 {sha256(self.path)}"


def write_submission(
    predictions: Path, videos: Mapping[int, VideoSize], categories: Collection[int], out: Path
) -> Submission:
    """Check every entry of a predictions file, write the archive, read it again and compare.

    videos: those that the server scores. Masks become compressed run-length codes, or stay null; other keys are left
    out. The same predictions are the same bytes. Raises UserError naming the entry that a server would reject or
    silently score as nothing: an unknown video or category, a length or a size that is not the video's, a damaged mask.
    """
    if out.suffix != ".zip":
        raise UserError(f"--out {out}: servers take an archive whose name ends with .zip")
    check_as_written(predictions)
    found = read_json(predictions)
    if not isinstance(found, list) or not found:
        raise UserError(f"{predictions}: must be a list of tracks, at least one; a server fails on anything else")
    entries = []
    with progress(len(found), "check") as bar:
        for number, entry in enumerate(found):
            entries.append(_entry(entry, videos, categories, f"{predictions}: prediction {number}"))
            bar.update()
    with atomic_write(out) as temporary:
        _write(entries, temporary, large=predictions.stat().st_size > LARGE)
        _verify(entries, temporary, out)
    seen = {entry["video_id"] for entry in entries}
    return Submission(out, len(entries), len(videos), tuple(sorted(videos.keys() - seen)))


def _entry(entry: Any, videos: Mapping[int, VideoSize], categories: Collection[int], source: str) -> dict[str, Any]:
    missing = [key for key in KEYS if not isinstance(entry, dict) or key not in entry]
    if missing:
        raise UserError(f"{source}: key `{missing[0]}` is missing; an entry has {', '.join(KEYS)}")
    video_id, category_id = (whole_number(entry, key, source) for key in ("video_id", "category_id"))
    if video_id not in videos:
        raise UserError(
            f"{source}: video {video_id} is not one of the {len(videos)} that the server scores; predict them with "
            "`vita predict --split released_valid`"
        )
    if category_id not in categories:
        raise UserError(f"{source}: category {category_id} is unknown; the data set has {sorted(categories)}")
    score = finite_number(entry, "score", source)
    masks = whole_track(entry["segmentations"], videos[video_id], f"{source}, of video {video_id}")
    return dict(zip(KEYS, (video_id, category_id, score, masks), strict=True))


def _write(entries: list[dict[str, Any]], path: Path, large: bool) -> None:
    # A fixed date: the archive then depends on nothing but the predictions.
    member = zipfile.ZipInfo(MEMBER, date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type, member.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
    with zipfile.ZipFile(path, "w") as archive, archive.open(member, "w", force_zip64=large) as handle:
        for number, entry in enumerate(entries):
            handle.write(b"[\n" if number == 0 else b",\n")
            handle.write(json.dumps(entry, separators=(",", ":")).encode())
        handle.write(b"\n]\n")


def _verify(entries: list[dict[str, Any]], path: Path, name: Path) -> None:
    """Read the archive as a server would."""
    with zipfile.ZipFile(path) as archive:
        whole = archive.namelist() == [MEMBER] and archive.testzip() is None
        handle: IO[bytes]
        with archive.open(MEMBER) as handle:
            whole = whole and json.load(handle) == entries
    if not whole:
        raise UserError(f"{name}: the archive does not read back as it was written; write it again, on another disk")
