"""What a frame detector finds in single frames, as `vita predict` writes it (frame_detector.json)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vita.core.contract import UserError
from vita.core.grouping import grouped
from vita.data.masks.rle import normalise
from vita.data.value_limits import finite_number, whole_number
from vita.evaluation.readers.ground_truth import GroundTruth, VideoSize
from vita.evaluation.readers.mask_tracks import MaskTrack, read_counts
from vita.evaluation.readers.results_file import read_tracks
from vita.evaluation.tube_iou import Tubes

_CHECKED_AT_ONCE = 1000


@dataclass(frozen=True)
class FrameDetections:
    """All detections of one category, in the order of the file; videos may have tens of thousands."""

    video_ids: array[int] = field(default_factory=lambda: array("q"))
    frames: array[int] = field(default_factory=lambda: array("q"))
    scores: array[float] = field(default_factory=lambda: array("d"))
    codes: list[bytes] = field(default_factory=list)  # compressed run-length codes


def read_frame_detections(path: Path, ground_truth: GroundTruth, scored: frozenset[int]) -> dict[int, FrameDetections]:
    """The detections of every category (by id) of the ground truth, in the videos `scored`.

    A label n stands for the n-th category by ascending id, counted from 0. Raises UserError naming the entry that has
    an unknown video or label, a frame that its video does not have, or a mask that is none.
    """
    found = {category: FrameDetections() for category in ground_truth.categories}
    unchecked: list[_Mask] = []
    for number, entry in enumerate(read_tracks(path)):
        source = f"{path}: detection {number}"
        category, video_id, frame = _place(entry, ground_truth, source)
        size = ground_truth.videos[video_id]
        if video_id in scored:
            mask = _Mask(_code(entry.get("segmentation"), size, source), size, source)
            of_category = found[category]
            of_category.video_ids.append(video_id)
            of_category.frames.append(frame)
            of_category.scores.append(float(finite_number(entry, "score", source)))
            of_category.codes.append(mask.code.encode())
            unchecked.append(mask)
        if len(unchecked) == _CHECKED_AT_ONCE:
            _check_codes(unchecked)
            unchecked = []
    _check_codes(unchecked)
    return found


@dataclass(frozen=True)
class _Mask:
    code: str
    size: VideoSize
    source: str


def _place(entry: Any, ground_truth: GroundTruth, source: str) -> tuple[int, int, int]:
    """Category, video and frame of a detection."""
    if not isinstance(entry, dict):
        raise UserError(f"{source} must be an object with video_id, frame_index, label, score and segmentation")
    video_id, frame, label = (whole_number(entry, key, source) for key in ("video_id", "frame_index", "label"))
    size = ground_truth.videos.get(video_id)
    if size is None:
        raise UserError(f"{source}: unknown video_id {video_id}; it must be the id of a video of the ground truth")
    if not 0 <= frame < size.length:
        raise UserError(f"{source}: frame_index {frame} is not in 0 to {size.length - 1}, the frames of its video")
    categories = list(ground_truth.categories)
    if not 0 <= label < len(categories):
        raise UserError(f"{source}: label {label} is not in 0 to {len(categories) - 1}, the place of its category")
    return categories[label], video_id, frame


def _code(segmentation: Any, size: VideoSize, source: str, read: Callable[..., Any] = read_counts) -> Any:
    try:
        return read(segmentation, size.height, size.width)
    except ValueError as error:
        raise UserError(f"{source}: {error}; export this mask again") from None


def _check_codes(masks: Sequence[_Mask]) -> None:
    """Raises UserError naming a detection whose code is malformed: pycocotools would not notice."""
    for size, alike in grouped(masks, lambda mask: mask.size).items():
        try:
            Tubes([MaskTrack([mask.code], mask.source) for mask in alike], size.height, size.width)
        except UserError:
            # Once more, one by one: that says what is wrong with which.
            for mask in alike:
                _code({"size": [size.height, size.width], "counts": mask.code}, size, mask.source, normalise)
            raise
