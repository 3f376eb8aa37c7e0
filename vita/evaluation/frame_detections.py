"""What a frame detector finds in single frames, as `vita predict` writes it (frame_detector.json)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vita.contract import UserError
from vita.data.rle import normalise
from vita.evaluation.ground_truth import GroundTruth, is_number, whole_number
from vita.evaluation.results_file import read_tracks


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
    categories = list(ground_truth.categories)
    for number, entry in enumerate(read_tracks(path)):
        source = f"{path}: detection {number}"
        if not isinstance(entry, dict):
            raise UserError(f"{source} must be an object with video_id, frame_index, label, score and segmentation")
        video_id, frame, label = (whole_number(entry, key, source) for key in ("video_id", "frame_index", "label"))
        _check_place(video_id, frame, ground_truth, source)
        if not 0 <= label < len(categories):
            raise UserError(f"{source}: label {label} is not in 0 to {len(categories) - 1}, the place of its category")
        if video_id in scored:
            size = ground_truth.videos[video_id]
            of_category = found[categories[label]]
            of_category.video_ids.append(video_id)
            of_category.frames.append(frame)
            of_category.scores.append(_score(entry, source))
            of_category.codes.append(_code(entry.get("segmentation"), size.height, size.width, source))
    return found


def _check_place(video_id: int, frame: int, ground_truth: GroundTruth, source: str) -> None:
    size = ground_truth.videos.get(video_id)
    if size is None:
        raise UserError(f"{source}: unknown video_id {video_id}; it must be the id of a video of the ground truth")
    if not 0 <= frame < size.length:
        raise UserError(f"{source}: frame_index {frame} is not in 0 to {size.length - 1}, the frames of its video")


def _score(entry: dict[str, Any], source: str) -> float:
    score = entry.get("score")
    if not is_number(score):
        raise UserError(f"{source}: `score` must be a finite number, not {score!r}")
    return float(score)


def _code(segmentation: Any, height: int, width: int, source: str) -> bytes:
    try:
        return normalise(segmentation, height, width)["counts"].encode("ascii")
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"{source}: {error}; export this mask again") from None
