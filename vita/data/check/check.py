"""The check of one file of annotations and its frames, from the first key to the last pixel."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

from vita.core.files import read_json
from vita.data.annotations.contents import Format
from vita.data.annotations.findings import Findings, Kind
from vita.data.annotations.reader import read_contents
from vita.data.check.entries import check_names, list_objects
from vita.data.check.expectations import CheckTarget, check_expectations
from vita.data.check.frames import check_frames, check_presence, list_frames, sample
from vita.data.check.masks import check_masks
from vita.data.check.parts import check_enough, videos_in_use
from vita.data.safe_paths import resolved


@dataclass(frozen=True)
class Checked:
    """How much was looked at. videos, objects: of the file; the rest: of the videos in use."""

    videos: int
    objects: int | None  # None: the file has no labels
    masks: int
    frames_listed: int
    frames_opened: int
    frames_decoded: int
    seconds_opening: float


@dataclass(frozen=True)
class Report:
    """What was checked and found in one file."""

    target: CheckTarget
    quick: bool
    checked: Checked
    findings: Findings
    format: Format
    categories: dict[int, str]


def check(target: CheckTarget, quick: bool, workers: int) -> Report:
    """Check one file. quick: only a sample of the frames is opened; of the others it is seen that they are there.

    workers: threads that decode. Raises UserError when the file is not JSON or not of its format.
    """
    findings = Findings()
    contents = read_contents(read_json(target.files.annotations), target.files.annotations, target.format, findings)
    check_names(contents, findings)
    check_expectations(target, contents, findings)
    in_use = videos_in_use(target, contents, findings)
    videos = in_use.videos
    masks = check_masks([*list_objects(contents, findings)], findings)  # who learns from some videos reads all
    check_enough(in_use, contents, masks.learnable, findings)
    roots = resolved(target.files.frames, target.root)
    listed = list_frames(videos, target.files.frames, roots, findings)
    frames = [frame for one in (sample(listed) if quick else listed) for frame in one]
    if quick:
        opened = set(frames)
        check_presence((frame for one in listed for frame in one if frame not in opened), findings)
    before, start = len(findings.found), perf_counter()
    check_frames(frames, roots, workers, findings)
    seconds = round(perf_counter() - start, 3)
    unread = sum(one.kind in (Kind.FRAME_MISSING, Kind.FRAME_DAMAGED) for one in findings.found[before:])
    count = None if contents.records is None else len(contents.records)
    checked = Checked(
        contents.videos_listed, count, masks.count, sum(map(len, listed)), len(frames), len(frames) - unread, seconds
    )
    return Report(target, quick, checked, findings, contents.format, contents.categories)
