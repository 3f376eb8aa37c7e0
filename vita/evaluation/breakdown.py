"""Scores of parts of the data: each video by itself, and videos and objects that are alike.

Objects are those to be found: crowds are not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vita.evaluation.average_precision import NO_GROUND_TRUTH, scores_json
from vita.evaluation.counts import Counts, Flags, Floats, Int64s
from vita.evaluation.main_scores import SCORE_NAMES, MainScores
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import OCCLUSION_LEVELS, GroundTruth
from vita.evaluation.resampled_scores import WeightedScores
from vita.evaluation.scoring import evaluate_detections

# Largest value of each range but the last, which has no end.
OBJECT_RANGES = (1, 2, 5, 10)
LENGTH_RANGES = (20, 40, 80)


@dataclass(frozen=True)
class Part:
    """Scores (fractions, -1 without an object) of a part of the data. kind: what the data is parted by."""

    kind: str
    name: str
    videos: int
    objects: int
    scores: MainScores

    def to_json(self) -> dict[str, Any]:
        """Fractions; null where there is no object."""
        own = {"kind": self.kind, "name": self.name, "videos": self.videos, "objects": self.objects}
        return own | scores_json(self.scores)


@dataclass(frozen=True)
class VideoRow:
    """One video: its length, its objects, the predictions that count, and the scores over this video alone.

    A category that the video does not show is left out, so predictions of it cost nothing here.
    """

    video_id: int
    frames: int
    objects: int
    predictions: int
    scores: MainScores

    def to_json(self) -> dict[str, Any]:
        """Fractions; null where there is no object."""
        own = {"video_id": self.video_id, "frames": self.frames}
        return own | {"objects": self.objects, "predictions": self.predictions} | scores_json(self.scores)


def per_video(ground_truth: GroundTruth, counts: Counts) -> list[VideoRow]:
    """A row for each evaluated video."""
    objects = _objects(counts)
    predictions = dict.fromkeys(counts.video_ids, 0)
    for group in counts.groups:
        predictions[group.video_id] += len(group.scores)
    videos, scored, most = len(counts.video_ids), WeightedScores(counts), 256
    # Each by itself; not all at once, which would take memory by the square of their number.
    blocks = (np.eye(min(most, videos - first), videos, first) for first in range(0, videos, most))
    scores = [row for block in blocks for row in scored.of(block)]
    return [
        VideoRow(key, ground_truth.videos[key].length, int(number), predictions[key], _main(row))
        for key, number, row in zip(counts.video_ids, objects, scores, strict=True)
    ]


def break_down(ground_truth: GroundTruth, detections: Sequence[Detection], counts: Counts) -> list[Part]:
    """By number of objects and by length of the video, and by occlusion of the object where the file tells it."""
    lengths = np.array([ground_truth.videos[key].length for key in counts.video_ids], np.int64)
    objects = _objects(counts)
    parts = _by_range("objects in the video", objects, OBJECT_RANGES, objects, counts)
    parts += _by_range("frames of the video", lengths, LENGTH_RANGES, objects, counts)
    return parts + _by_occlusion(ground_truth, detections)


def _objects(counts: Counts) -> Int64s:
    """(V,) objects to be found in each video."""
    objects = dict.fromkeys(counts.video_ids, 0)
    for group in counts.groups:
        objects[group.video_id] += group.ground_truth
    return np.array(list(objects.values()), np.int64)


def _by_range(kind: str, values: Int64s, ends: Sequence[int], objects: Int64s, counts: Counts) -> list[Part]:
    """Parts of the videos by ranges of a value (V,), from 1 on; ranges without a video are left out."""
    starts = [1, *(end + 1 for end in ends)]
    names = [str(end) if start == end else f"{start}-{end}" for start, end in zip(starts, ends, strict=False)]
    chosen = np.stack([_within(values, start, end) for start, end in zip(starts, [*ends, None], strict=True)])
    scores = WeightedScores(counts).of(chosen)
    return [
        Part(kind, name, int(videos.sum()), int(objects[videos].sum()), _main(row))
        for name, videos, row in zip([*names, f"{starts[-1]} or more"], chosen, scores, strict=True)
        if videos.any()
    ]


def _within(values: Int64s, start: int, end: int | None) -> Flags:
    return (values >= start) & (values <= end) if end is not None else values >= start


def _by_occlusion(ground_truth: GroundTruth, detections: Sequence[Detection]) -> list[Part]:
    """Parts of the objects; those of other levels may be found, at no gain and no cost, as crowds may."""
    parts = []
    for level in OCCLUSION_LEVELS:
        marked = [replace(a, is_crowd=a.is_crowd or a.occlusion != level) for a in ground_truth.annotations]
        objects = [annotation for annotation in marked if not annotation.is_crowd]
        if objects:
            scores = evaluate_detections(replace(ground_truth, annotations=marked), detections).scores
            main = MainScores(*(getattr(scores, name) for name in SCORE_NAMES))
            parts.append(Part("occlusion of the object", level, len({o.video_id for o in objects}), len(objects), main))
    return parts


def _main(row: Floats) -> MainScores:
    return MainScores(*np.nan_to_num(row, nan=NO_GROUND_TRUTH).tolist())
