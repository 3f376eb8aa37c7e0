"""Predictions that are left when each drops those of lower scores that nearly coincide with it, of whatever category.

A method may list the same mask under several categories; of these only its best guess is kept.

Legend: N predictions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle
from vita.core.grouping import grouped
from vita.evaluation.frames.frame_detections import FrameDetections
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import GroundTruth
from vita.evaluation.tube_iou import Tubes

MOST_OVERLAP = 0.5  # IoU of two that are kept


@dataclass(frozen=True)
class FramePrediction:
    """One mask in a single frame."""

    category_id: int
    score: float
    mask: Rle


def distinct_tracks(tracks: Sequence[Detection], truth: GroundTruth, least_score: float) -> list[Detection]:
    """Of every video, by descending score; overlap is tube IoU. Raises UserError on a malformed mask."""
    shown = [track for track in tracks if track.score >= least_score and track.video_id in truth.videos]
    kept = []
    for video_id, found in grouped(sorted(shown, key=lambda one: -one.score), lambda one: one.video_id).items():
        size, numbers = truth.videos[video_id], np.arange(len(found))
        ious = Tubes([one.track for one in found], size.height, size.width).ious(numbers, numbers)
        kept += [found[number] for number in _distinct(ious)]
    return kept


def distinct_predictions(
    found: Mapping[int, FrameDetections], truth: GroundTruth, least_score: float
) -> dict[tuple[int, int], list[FramePrediction]]:
    """By video and frame, by descending score. found: by category, its codes sound."""
    by_frame: dict[tuple[int, int], list[FramePrediction]] = {}
    for category, one in found.items():
        for video_id, frame, score, code in zip(one.video_ids, one.frames, one.scores, one.codes, strict=True):
            if score >= least_score:
                mask = truth.videos[video_id].coded(code.decode())
                by_frame.setdefault((video_id, frame), []).append(FramePrediction(category, score, mask))
    return {place: _distinct_in_frame(predictions) for place, predictions in by_frame.items()}


def _distinct_in_frame(predictions: Sequence[FramePrediction]) -> list[FramePrediction]:
    ordered = sorted(predictions, key=lambda prediction: -prediction.score)
    masks = [prediction.mask for prediction in ordered]
    return [ordered[number] for number in _distinct(coco_mask.iou(masks, masks, [0] * len(masks)))]


def _distinct(ious: np.ndarray) -> list[int]:
    """ious: (N, N), of predictions in the order in which they are preferred."""
    kept: list[int] = []
    for number in range(len(ious)):
        if not (ious[number, kept] > MOST_OVERLAP).any():
            kept.append(number)
    return kept
