"""The plain way to score tracks: pycocotools masks, one pair and one frame at a time, loops, one core.

What the evaluator is timed against and held equal to. It does what the official one does, for files without crowds,
without odd entries, with one mask (or null) for every frame.

Legend: D detections and G ground-truth tracks of one (video, category), T IoU thresholds, R recall levels,
K categories, A area ranges, M detection limits.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
AREAS = [(0, 1e10), (0, 128**2), (128**2, 256**2), (256**2, 1e10)]
LIMITS = [1, 10, 100]

Entry = dict[str, Any]
Groups = dict[tuple[int, int], list[Entry]]


@dataclass(frozen=True)
class Matched:
    """One group at one area range: scores (D,), matched and ignored (T, D), number of objects to be found."""

    scores: NDArray[np.float64]
    matched: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: int


@dataclass(frozen=True)
class Stopwatch:
    """Seconds by phase: on the clock, and of the processor (of all cores together)."""

    clock: dict[str, float] = field(default_factory=dict)
    processor: dict[str, float] = field(default_factory=dict)

    def timed(self, phase: str, work: Callable[..., Any], *inputs: Any) -> Any:
        """The result of `work`, whose duration is kept under the name of the phase."""
        began, worked = time.perf_counter(), time.process_time()
        result = work(*inputs)
        self.clock[phase], self.processor[phase] = time.perf_counter() - began, time.process_time() - worked
        return result


@dataclass(frozen=True)
class Reference:
    """Durations, the IoUs (D, G) by (video, category), and the twelve numbers in the official order."""

    seconds: Stopwatch
    ious: dict[tuple[int, int], NDArray[np.float64]]
    scores: list[float]


def score_plainly(ground_truth: Path, predictions: Path) -> Reference:
    """Score a predictions file."""
    seconds, paths = Stopwatch(), (ground_truth, predictions)
    truth, entries = seconds.timed("reading JSON", lambda: [json.loads(path.read_text()) for path in paths])
    objects, detections = seconds.timed("decoding", _decode, truth, entries)
    keys = [(v["id"], c["id"]) for c in truth["categories"] for v in truth["videos"]]
    ious = seconds.timed("IoU", lambda: {key: _ious(detections[key], objects[key]) for key in keys})
    matched = seconds.timed("matching", _match_all, keys, detections, objects, ious)
    return Reference(seconds, ious, seconds.timed("accumulating", _accumulate, truth, matched))


def _decode(truth: Entry, entries: list[Entry]) -> tuple[Groups, Groups]:
    """Compressed codes of the ground truth, sizes of all tracks, detections by descending score."""
    objects: Groups = defaultdict(list)
    detections: Groups = defaultdict(list)
    for entry in truth["annotations"]:
        masks = [m and coco_mask.frPyObjects(m, *m["size"]) for m in entry["segmentations"]]
        objects[entry["video_id"], entry["category_id"]].append(
            {"id": entry["id"], "masks": masks, "area": _mean_of_present(entry["areas"])}
        )
    for entry in entries:
        masks = entry["segmentations"]
        area = _mean_of_present([m and float(coco_mask.area(m)) for m in masks])
        detections[entry["video_id"], entry["category_id"]].append(
            {"score": entry["score"], "masks": masks, "area": area}
        )
    for group in detections.values():
        group.sort(key=lambda detection: -detection["score"])
        del group[LIMITS[-1] :]
    return objects, detections


def _mean_of_present(areas: list[float | None]) -> float:
    present = [area for area in areas if area]
    return float(np.mean(present)) if present else 0.0


def _ious(detections: list[Entry], objects: list[Entry]) -> NDArray[np.float64]:
    ious = np.zeros((len(detections), len(objects)))
    for d, detection in enumerate(detections):
        for g, truth in enumerate(objects):
            ious[d, g] = _tube_iou(detection["masks"], truth["masks"])
    return ious


def _tube_iou(left: list[Entry | None], right: list[Entry | None]) -> float:
    shared = union = 0
    for one, other in zip(left, right, strict=True):
        if one and other:
            shared += int(coco_mask.area(coco_mask.merge([one, other], intersect=True)))
            union += int(coco_mask.area(coco_mask.merge([one, other], intersect=False)))
        elif one or other:
            union += int(coco_mask.area(one or other))
    return shared / union if union else 0.0


def _match_all(
    keys: list[tuple[int, int]], detections: Groups, objects: Groups, ious: dict[tuple[int, int], NDArray[np.float64]]
) -> dict[tuple[int, int], list[Matched]]:
    present = [key for key in keys if detections[key] or objects[key]]
    return {key: [_match(detections[key], objects[key], ious[key], area) for area in AREAS] for key in present}


def _match(
    detections: list[Entry], objects: list[Entry], ious: NDArray[np.float64], area: tuple[float, float]
) -> Matched:
    low, high = area
    outside = [not low <= truth["area"] <= high for truth in objects]
    order = np.argsort(outside, kind="stable")
    matched, ignored = (np.zeros((len(THRESHOLDS), len(detections)), bool) for _ in range(2))
    for t, threshold in enumerate(THRESHOLDS):
        taken: set[int] = set()
        for d, detection in enumerate(detections):
            best = _best(ious[d], order, outside, taken, min(threshold, 1 - 1e-10))
            if best is not None:
                taken.add(best)
                matched[t, d], ignored[t, d] = True, outside[best]
            else:
                ignored[t, d] = not low <= detection["area"] <= high
    return Matched(np.array([d["score"] for d in detections]), matched, ignored, outside.count(False))


def _best(
    ious: NDArray[np.float64], order: NDArray[np.int64], outside: list[bool], taken: set[int], needed: float
) -> int | None:
    """The free object of highest IoU; those that count come first in `order`, and before any other."""
    best = None
    for g in order:
        if g in taken:
            continue
        if best is not None and not outside[best] and outside[g]:
            break
        if ious[g] >= needed:
            needed, best = ious[g], int(g)
    return best


def _accumulate(truth: Entry, matched: dict[tuple[int, int], list[Matched]]) -> list[float]:
    videos = sorted(video["id"] for video in truth["videos"])
    categories = sorted(category["id"] for category in truth["categories"])
    precision = -np.ones((len(THRESHOLDS), len(RECALLS), len(categories), len(AREAS), len(LIMITS)))
    recall = -np.ones((len(THRESHOLDS), len(categories), len(AREAS), len(LIMITS)))
    for k, category in enumerate(categories):
        present = [matched[video, category] for video in videos if (video, category) in matched]
        for a in range(len(AREAS)):
            groups = [by_area[a] for by_area in present]
            if sum(group.objects for group in groups):
                for m, limit in enumerate(LIMITS):
                    _curves(groups, limit, precision[:, :, k, a, m], recall[:, k, a, m])
    return _twelve(precision, recall)


def _curves(groups: list[Matched], limit: int, precision: NDArray[np.float64], recall: NDArray[np.float64]) -> None:
    """Fill precision (T, R) and recall (T,) of one category."""
    objects = sum(group.objects for group in groups)
    scores = np.concatenate([group.scores[:limit] for group in groups])
    order = np.argsort(-scores, kind="mergesort")
    matched, ignored = (
        np.concatenate([getattr(group, name)[:, :limit] for group in groups], axis=1)[:, order]
        for name in ("matched", "ignored")
    )
    right, wrong = np.cumsum(matched & ~ignored, axis=1), np.cumsum(~matched & ~ignored, axis=1)
    for t in range(len(THRESHOLDS)):
        recalls = right[t] / objects
        levels = right[t] / (right[t] + wrong[t] + np.spacing(1))
        recall[t] = recalls[-1] if len(recalls) else 0
        for i in range(len(levels) - 1, 0, -1):
            levels[i - 1] = max(levels[i - 1], levels[i])
        precision[t] = 0
        for r, i in enumerate(np.searchsorted(recalls, RECALLS, side="left")):
            if i < len(levels):
                precision[t, r] = levels[i]


def _twelve(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> list[float]:
    chosen = [precision[..., 0, 2], precision[0, ..., 0, 2], precision[5, ..., 0, 2]]
    chosen += [precision[..., a, 2] for a in (1, 2, 3)]
    chosen += [recall[..., 0, m] for m in range(3)] + [recall[..., a, 2] for a in (1, 2, 3)]
    return [float(np.mean(part[part > -1])) if (part > -1).any() else -1.0 for part in chosen]
