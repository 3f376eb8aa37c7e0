"""Ground truth in the YouTube-VIS format."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vita.core.contract import Rle, UserError
from vita.data.annotations.contents import YTVIS, ObjectEntry
from vita.data.annotations.findings import FirstFault
from vita.data.annotations.reader import read_contents, read_objects
from vita.data.value_limits import is_number
from vita.evaluation.readers.annotation_file import read_annotations
from vita.evaluation.readers.mask_tracks import MaskTrack, read_mask_track

# How much an object is occluded, of the labels that OVIS gives every object in every frame.
OcclusionLevel = Literal["no", "slight", "severe"]
OCCLUSION_LEVELS: tuple[OcclusionLevel, ...] = get_args(OcclusionLevel)
_LABELS = {f"{level}_occlusion": level for level in OCCLUSION_LEVELS}


@dataclass(frozen=True)
class VideoSize:
    """A video's frame size in pixels and its number of frames."""

    height: int
    width: int
    length: int

    def coded(self, counts: str) -> Rle:
        """The run-length code of a mask in one of its frames."""
        return Rle(size=[self.height, self.width], counts=counts)


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
        if limit is None:
            return chosen
        if limit < 1:
            raise UserError(f"limit of {limit} videos: it must be at least 1")
        return chosen.select(list(chosen.videos)[:limit])

    def select(self, ids: Collection[int]) -> GroundTruth:
        """Only the videos with these ids, with their annotations. Raises UserError naming one that is not there."""
        missing = sorted(set(ids) - set(self.videos))
        if missing:
            raise UserError(f"video {missing[0]} is asked for, but the ground truth has no video of this id")
        videos = {key: size for key, size in self.videos.items() if key in set(ids)}
        return replace(self, videos=videos, annotations=[a for a in self.annotations if a.video_id in videos])


def load_ground_truth(path: Path) -> GroundTruth:
    """Read a ground-truth file. Raises UserError naming the file and the entry that is wrong."""
    return parse_ground_truth(read_annotations(path), str(path))


def parse_ground_truth(data: Any, source: str) -> GroundTruth:
    """Read ground truth that is already in memory; `source` names it in messages.

    Raises UserError on missing keys, wrong types, repeated or unknown ids and masks of a wrong size.
    """
    findings = FirstFault(source=source)
    contents = read_contents(data, source, YTVIS, findings, frames=False)
    if contents.records is None:
        hint = "ground truth without annotations cannot be evaluated locally"
        raise UserError(f"{source}: `annotations` must be a list; {hint}")
    ordered = sorted(contents.videos, key=lambda video: video.id)
    return GroundTruth(
        videos={video.id: VideoSize(video.height, video.width, video.length) for video in ordered},
        categories=contents.categories,
        annotations=[_annotation(entry, source) for entry in read_objects(contents, findings)],
    )


def _annotation(entry: ObjectEntry, source: str) -> Annotation:
    record, video, where = entry.record, entry.video, f"{source}: annotation {entry.id}"
    labels = record.get("occlusion")
    return Annotation(
        id=entry.id,
        video_id=video.id,
        category_id=record["category_id"],
        is_crowd=entry.is_crowd,
        track=read_mask_track(record.get(YTVIS.segmentations), video.height, video.width, where),
        listed_area=_listed_area(record.get(YTVIS.areas), where),
        occlusion=occlusion_level(labels),
        occlusion_by_frame=levels_by_frame(labels),
    )


def _listed_area(areas: Any, source: str) -> float | None:
    if areas is None:
        return None
    if not isinstance(areas, list) or not all(area is None or is_number(area) for area in areas):
        raise UserError(f"{source}: `areas` must be a list of numbers of pixels (or null), one a frame")
    present = [area for area in areas if area]
    return float(np.mean(present)) if present else 0.0


def occlusion_level(labels: Any) -> OcclusionLevel | None:
    """The level of most of an object's frames, the heavier one of two equal; None without labels such as OVIS has.

    labels: `occlusion` of an annotation, a label a frame, null where the object is not visible.
    """
    found = [level for level in levels_by_frame(labels) if level is not None]
    if not found:
        return None
    return max(set(found), key=lambda level: (found.count(level), OCCLUSION_LEVELS.index(level)))


def levels_by_frame(labels: Any) -> tuple[OcclusionLevel | None, ...]:
    """The level in each frame, None where the object is not visible; empty without any label such as OVIS has."""
    labels = labels if isinstance(labels, list) else []
    found = tuple(_LABELS.get(label) if isinstance(label, str) else None for label in labels)
    return found if any(found) else ()
