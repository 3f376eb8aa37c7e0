"""COCO's average precision of a frame detector: every frame is an image, scored by pycocotools.

Categories do not meet in these scores, so they are evaluated one after the other, which bounds the memory, and only
those that have an object: no other changes a score.

Legend: T IoU thresholds, R recall levels, K categories, A area ranges, M detection limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vita.core.grouping import grouped
from vita.core.progress import progress
from vita.data.masks import rle
from vita.evaluation.average_precision import NO_GROUND_TRUTH, categories_json, mean_of_valid, scores_json
from vita.evaluation.counts import Floats
from vita.evaluation.frames.frame_detections import FrameDetections
from vita.evaluation.readers.ground_truth import Annotation, GroundTruth
from vita.evaluation.tube_iou import Tubes


@dataclass(frozen=True)
class FrameScores:
    """COCO's twelve numbers, fractions, -1 without ground truth. Sizes: small < 32^2 <= medium < 96^2 <= large."""

    ap: float
    ap50: float
    ap75: float
    ap_small: float
    ap_medium: float
    ap_large: float
    ar1: float
    ar10: float
    ar100: float
    ar_small: float
    ar_medium: float
    ar_large: float


@dataclass(frozen=True)
class FrameEvaluation:
    """Scores over all frames, and AP of each category."""

    scores: FrameScores
    per_category_ap: dict[int, float]
    category_names: dict[int, str]
    videos: int
    frames: int
    detections: int

    def to_json(self) -> dict[str, Any]:
        """All scores are fractions; null where there is no ground truth."""
        return {
            "scores": scores_json(self.scores),
            "per_category": categories_json(self.category_names, self.per_category_ap),
            "num_videos": self.videos,
            "num_frames": self.frames,
            "num_detections": self.detections,
        }


def evaluate_frames(ground_truth: GroundTruth, detections: Mapping[int, FrameDetections]) -> FrameEvaluation:
    """Score detections by category against the masks of every frame; crowds are COCO's crowds.

    Raises UserError naming an annotation whose mask is malformed.
    """
    images = _Images(ground_truth)
    _check_masks(ground_truth)
    annotated = grouped(ground_truth.annotations, lambda annotation: annotation.category_id)
    curves = [_evaluate_category([], [])]  # of nothing: so that there are some
    per_category = dict.fromkeys(ground_truth.categories, NO_GROUND_TRUTH)
    with progress(len(annotated), "frames") as bar:
        for category in sorted(annotated):
            found = images.annotations(annotated[category]), images.detections(detections[category])
            curves.append(_evaluate_category(*found))
            per_category[category] = mean_of_valid(curves[-1][0][:, :, 0, 0, -1])
            bar.update()
    precision = np.concatenate([found for found, _ in curves], axis=2)
    scores = _summary(precision, np.concatenate([found for _, found in curves], axis=1))
    total = sum(len(of_category.scores) for of_category in detections.values())
    return FrameEvaluation(scores, per_category, ground_truth.categories, len(ground_truth.videos), images.count, total)


class _Images:
    """The frames of all videos, numbered from 0."""

    def __init__(self, ground_truth: GroundTruth) -> None:
        self.count = 0
        self._first, self._sizes = {}, {}
        for key, size in ground_truth.videos.items():
            self._first[key], self._sizes[key] = self.count, [size.height, size.width]
            self.count += size.length

    def annotations(self, annotations: list[Annotation]) -> list[dict[str, Any]]:
        """Visible masks, one entry each."""
        return [
            self._entry(annotation.video_id, frame, code, iscrowd=int(annotation.is_crowd))
            for annotation in annotations
            for frame, code in enumerate(annotation.track.masks)
            if code
        ]

    def detections(self, detections: FrameDetections) -> list[dict[str, Any]]:
        """One entry a detection."""
        columns = zip(detections.video_ids, detections.frames, detections.codes, detections.scores, strict=True)
        return [self._entry(video, frame, code, score=score) for video, frame, code, score in columns]

    def _entry(self, video_id: int, frame: int, code: str | bytes, **of_kind: float) -> dict[str, Any]:
        mask = {"size": self._sizes[video_id], "counts": code}
        return {"image_id": self._first[video_id] + frame, "category_id": 0, "segmentation": mask, **of_kind}


def _check_masks(ground_truth: GroundTruth) -> None:
    """pycocotools does not check codes. Raises UserError naming a malformed one."""
    annotated = grouped(ground_truth.annotations, lambda annotation: annotation.video_id)
    for key, size in ground_truth.videos.items():
        Tubes([annotation.track for annotation in annotated.get(key, ())], size.height, size.width)


def _evaluate_category(annotations: list[dict[str, Any]], detections: list[dict[str, Any]]) -> tuple[Floats, Floats]:
    """Precision (T, R, 1, A, M) and recall (T, 1, A, M)."""
    with redirect_stdout(StringIO()):
        evaluator = COCOeval(_coco(annotations), _coco(detections), "segm")
        parameters = evaluator.params
        parameters.catIds = [0]
        # Frames with neither change no score.
        parameters.imgIds = sorted({entry["image_id"] for entry in (*annotations, *detections)})
        if not parameters.imgIds:
            shape = (1, len(parameters.areaRng), len(parameters.maxDets))
            precision = np.full((len(parameters.iouThrs), len(parameters.recThrs), *shape), NO_GROUND_TRUTH)
            return precision, np.full((len(parameters.iouThrs), *shape), NO_GROUND_TRUTH)
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator.eval["precision"], evaluator.eval["recall"]


def _coco(entries: list[dict[str, Any]]) -> COCO:
    """In pycocotools' index, with areas; its matching takes the id 0 for none."""
    areas = rle.areas([entry["segmentation"] for entry in entries])
    for number, entry in enumerate(entries):
        entry |= {"id": number + 1, "area": float(areas[number])}
    sizes = {entry["image_id"]: entry["segmentation"]["size"] for entry in entries}
    images = [{"id": key, "height": height, "width": width} for key, (height, width) in sizes.items()]
    coco = COCO()
    coco.dataset = {"images": images, "annotations": entries, "categories": [{"id": 0}]}
    coco.createIndex()
    return coco


def _summary(precision: Floats, recall: Floats) -> FrameScores:
    """pycocotools' own summary of precision (T, R, K, A, M) and recall (T, K, A, M)."""
    evaluator = COCOeval(iouType="segm")
    evaluator.eval = {"precision": precision, "recall": recall}
    with redirect_stdout(StringIO()):
        evaluator.summarize()
    return FrameScores(*map(float, evaluator.stats))
