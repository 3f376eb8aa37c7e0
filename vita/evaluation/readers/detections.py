"""Predicted tracks, as submission files list them."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vita.core.contract import UserError
from vita.data.masks.rle import short
from vita.data.value_limits import finite_number, whole_number
from vita.evaluation.readers.ground_truth import GroundTruth
from vita.evaluation.readers.mask_tracks import MaskTrack, read_mask_track
from vita.evaluation.readers.results_file import read_tracks

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Detection:
    """One predicted object of a video: its category, its score and its masks."""

    video_id: int
    category_id: int
    score: float
    track: MaskTrack


def read_detections(
    predictions: Any, ground_truth: GroundTruth, source: str, scored: Collection[int] | None = None
) -> list[Detection]:
    """Read a list of {video_id, category_id, score, segmentations}, in its order; `source` names it in messages.

    A category that the ground truth does not have is left out, as the official evaluator does, and so are videos
    that are not in `scored` (None: all are). Raises UserError on a video that the ground truth does not have, missing
    keys, wrong types and masks of a wrong size.
    """
    if not isinstance(predictions, list):
        raise UserError(f"{source}: predictions must be a list of objects, one a track")
    return _kept(predictions, ground_truth, source, scored)


def read_detections_file(
    path: Path, ground_truth: GroundTruth, scored: Collection[int] | None = None
) -> list[Detection]:
    """As `read_detections`, from a file of any length: what is kept takes the space of its codes."""
    return _kept(read_tracks(path), ground_truth, str(path), scored)


def _kept(
    predictions: Iterable[Any], ground_truth: GroundTruth, source: str, scored: Collection[int] | None
) -> list[Detection]:
    found = (_detection(entry, ground_truth, f"{source}: prediction {i}") for i, entry in enumerate(predictions))
    kept = [d for d in found if d is not None and (scored is None or d.video_id in scored)]
    _warn_of_uneven_lengths(kept, ground_truth, source)
    return kept


def _detection(entry: Any, ground_truth: GroundTruth, source: str) -> Detection | None:
    if not isinstance(entry, dict):
        raise UserError(f"{source} must be an object with video_id, category_id, score and segmentations")
    video_id, category_id = (whole_number(entry, key, source) for key in ("video_id", "category_id"))
    size = ground_truth.videos.get(video_id)
    if size is None:
        raise UserError(
            f"{source}: unknown video_id {short(video_id)}; it must be the id of a video of the ground truth"
        )
    if category_id not in ground_truth.categories:
        return None
    score = finite_number(entry, "score", source)
    track = read_mask_track(entry.get("segmentations"), size.height, size.width, source)
    return Detection(video_id, category_id, float(score), track)


def _warn_of_uneven_lengths(detections: list[Detection], ground_truth: GroundTruth, source: str) -> None:
    uneven = [d for d in detections if len(d.track.masks) != ground_truth.videos[d.video_id].length]
    if uneven:
        _log.warning(
            "%s: %d predictions list more or fewer frames than their video (first: %s); frames after the end of the "
            "shorter list do not count, as in the official evaluator",
            source, len(uneven), uneven[0].track.source,
        )  # fmt: skip
