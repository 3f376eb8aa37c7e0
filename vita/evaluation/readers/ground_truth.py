"""Ground truth in the YouTube-VIS format."""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from vita.core.contract import UserError
from vita.data.masks.rle import short
from vita.data.value_limits import is_id
from vita.evaluation.occlusion.labels import OcclusionLevel, levels_by_frame, occlusion_level
from vita.evaluation.readers.annotation_file import read_annotations
from vita.evaluation.readers.mask_tracks import MaskTrack, read_mask_track

MOST_PIXELS = 2**40  # of a frame: a file that has more is damaged


@dataclass(frozen=True)
class VideoSize:
    """A video's frame size in pixels and its number of frames."""

    height: int
    width: int
    length: int


@dataclass(frozen=True)
class Annotation:
    """One ground-truth object.

    listed_area: mean over frames of the non-zero areas that the file lists, in pixels (0 when there is none), which
    is what decides between small, medium and large; None when the file lists no areas, then the masks decide.
    occlusion: how much it is occluded in most frames, where the file tells (OVIS).
    occlusion_by_frame: in each frame, () where it does not tell.
    """

    id: int
    video_id: int
    category_id: int
    is_crowd: bool
    track: MaskTrack
    listed_area: float | None
    occlusion: OcclusionLevel | None = None
    occlusion_by_frame: tuple[OcclusionLevel | None, ...] = ()


@dataclass(frozen=True)
class GroundTruth:
    """All annotated videos. `videos` and `categories` (id to name) are in ascending order of id."""

    videos: dict[int, VideoSize]
    categories: dict[int, str]
    annotations: list[Annotation]

    def part(self, ids: Collection[int] | None, limit: int | None) -> GroundTruth:
        """Only the videos with these ids, and of them the first `limit` by id; None leaves all.

        Raises UserError naming an id that is not there, and when limit < 1.
        """
        chosen = self if ids is None else self.select(ids)
        return chosen if limit is None else chosen.first_videos(limit)

    def first_videos(self, count: int) -> GroundTruth:
        """Only the `count` videos of lowest id, with their annotations. Raises UserError when count < 1."""
        if count < 1:
            raise UserError(f"limit of {count} videos: it must be at least 1")
        return self.select(list(self.videos)[:count])

    def select(self, ids: Collection[int]) -> GroundTruth:
        """Only the videos with these ids, with their annotations. Raises UserError naming one that is not there."""
        missing = sorted(set(ids) - set(self.videos))
        if missing:
            raise UserError(f"video {missing[0]} is asked for, but the ground truth has no video of this id")
        videos = {key: size for key, size in self.videos.items() if key in set(ids)}
        return replace(self, videos=videos, annotations=[a for a in self.annotations if a.video_id in videos])


def load_ground_truth(path: Path, limit_videos: int | None = None) -> GroundTruth:
    """Read a ground-truth file, whole or its first videos by id.

    Raises UserError naming the file and the entry that is wrong.
    """
    ground_truth = parse_ground_truth(read_annotations(path), str(path))
    return ground_truth if limit_videos is None else ground_truth.first_videos(limit_videos)


def parse_ground_truth(data: Any, source: str) -> GroundTruth:
    """Read ground truth that is already in memory; `source` names it in messages.

    Raises UserError on missing keys, wrong types, repeated or unknown ids and masks of a wrong size.
    """
    if not isinstance(data, dict):
        raise UserError(f"{source}: must be an object with `videos`, `categories` and `annotations`")
    videos = _by_id(data, "videos", source)
    categories = _by_id(data, "categories", source)
    sizes = {key: _video_size(entry, f"{source}: video {key}") for key, entry in videos.items()}
    names = {key: str(entry.get("name", key)) for key, entry in categories.items()}
    annotations = _by_id(data, "annotations", source, in_order=False)
    parsed = [_annotation(entry, sizes, names, f"{source}: annotation {key}") for key, entry in annotations.items()]
    return GroundTruth(sizes, names, parsed)


def _by_id(data: dict[str, Any], key: str, source: str, in_order: bool = True) -> dict[int, dict[str, Any]]:
    entries = data.get(key)
    if not isinstance(entries, list):
        hint = "; ground truth without annotations cannot be evaluated locally" if key == "annotations" else ""
        raise UserError(f"{source}: `{key}` must be a list{hint}")
    found: dict[int, dict[str, Any]] = {}
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise UserError(f"{source}: {key}[{position}] must be an object")
        identity = whole_number(entry, "id", f"{source}: {key}[{position}]")
        if identity in found:
            raise UserError(f"{source}: {key}[{position}] repeats the id {identity}; ids must differ")
        found[identity] = entry
    return dict(sorted(found.items())) if in_order else found


def _video_size(entry: dict[str, Any], source: str) -> VideoSize:
    height, width, length = (whole_number(entry, key, source) for key in ("height", "width", "length"))
    if min(height, width, length) < 1:
        raise UserError(f"{source}: height, width and length must be at least 1, not {height}, {width} and {length}")
    if height * width > MOST_PIXELS:
        raise UserError(f"{source}: frames of {short(height)} x {short(width)} pixels are larger than any video's")
    return VideoSize(height, width, length)


def _annotation(
    entry: dict[str, Any], videos: dict[int, VideoSize], categories: dict[int, str], source: str
) -> Annotation:
    video_id, category_id = (whole_number(entry, key, source) for key in ("video_id", "category_id"))
    if video_id not in videos:
        raise UserError(f"{source}: video_id {video_id} is not among the videos of the file")
    if category_id not in categories:
        raise UserError(f"{source}: category_id {category_id} is not among the categories {short(list(categories))}")
    size = videos[video_id]
    track = read_mask_track(entry.get("segmentations"), size.height, size.width, source)
    is_crowd = entry.get("iscrowd", 0)
    if is_crowd not in (0, 1):
        raise UserError(f"{source}: iscrowd must be 0 or 1, not {short(is_crowd)}")
    area, labels = _listed_area(entry, source), entry.get("occlusion")
    occlusion, by_frame = occlusion_level(labels), levels_by_frame(labels)
    return Annotation(entry["id"], video_id, category_id, bool(is_crowd), track, area, occlusion, by_frame)


def _listed_area(entry: dict[str, Any], source: str) -> float | None:
    areas = entry.get("areas")
    if areas is None:
        return None
    if not isinstance(areas, list) or not all(area is None or is_number(area) for area in areas):
        raise UserError(f"{source}: `areas` must be a list of numbers of pixels (or null), one a frame")
    present = [area for area in areas if area]
    return float(np.mean(present)) if present else 0.0


def whole_number(entry: dict[str, Any], key: str, source: str) -> int:
    """`entry[key]`, an integer. Raises UserError when it is missing, of another type or too large for an id."""
    value = entry.get(key)
    if not is_id(value):
        found = f"not {short(value)}" if key in entry else "and is missing"
        raise UserError(f"{source}: `{key}` must be a whole number, {found}")
    return value


def is_number(value: Any) -> TypeGuard[float]:
    """Whether `value` is a finite number (JSON's NaN and Infinity are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
