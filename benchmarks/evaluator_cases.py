"""Ground truth and results files of moving blobs with ragged outlines, for the benchmark of the evaluator.

Legend: T frames, W columns of a frame, N objects of a video.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from vita.core.files import atomic_write

_VERSION = 1  # of the drawing below: files of another one are not used again


@dataclass(frozen=True)
class Case:
    """What to draw: `objects` and `predictions` are numbers a video; `seed` decides everything else."""

    name: str
    videos: int
    frames: int
    categories: int
    objects: int
    predictions: int
    height: int = 720
    width: int = 1280
    seed: int = 0


@dataclass(frozen=True)
class CaseFiles:
    """The two files of a case."""

    ground_truth: Path
    predictions: Path


@dataclass(frozen=True)
class Blob:
    """An object's path: centre (T, 2) as x, y; half axes (T, 2); the frames (T,) where it is seen."""

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    visible: NDArray[np.bool_]
    category: int

    def seen_by_a_model(self, case: Case, generator: np.random.Generator) -> Blob:
        """The same object a little off, sometimes missed in a frame or given another category."""
        off = generator.normal(0, 0.12 * generator.random(), 2) * self.axes
        axes = self.axes * generator.uniform(0.8, 1.2, 2)
        visible = self.visible & (generator.random(case.frames) > 0.05)
        right = generator.random() < 0.7
        category = self.category if right else int(generator.integers(case.categories)) + 1
        return Blob(self.centre + off, axes, visible, category)


def write_case(case: Case, folder: Path) -> CaseFiles:
    """Draw the case into `folder`, unless its files are there already."""
    key = sha256(json.dumps([_VERSION, asdict(case)]).encode()).hexdigest()[:12]
    files = CaseFiles(*(folder / f"{case.name}_{key}_{kind}.json" for kind in ("gt", "pred")))
    if not files.ground_truth.is_file() or not files.predictions.is_file():
        _draw(case, files)
    return files


def _draw(case: Case, files: CaseFiles) -> None:
    annotations: list[dict[str, Any]] = []
    with atomic_write(files.predictions) as temporary, temporary.open("w") as handle:
        for video in range(1, case.videos + 1):
            generator = np.random.default_rng([case.seed, video])
            blobs = [_random_blob(case, generator) for _ in range(case.objects)]
            annotations += [_annotation(case, video, blob, generator) for blob in blobs]
            for entry in _predictions(case, video, blobs, generator):
                handle.write(("[" if handle.tell() == 0 else ", ") + json.dumps(entry))
        handle.write("]")
    size = {"height": case.height, "width": case.width, "length": case.frames}
    for number, entry in enumerate(annotations):
        entry["id"] = number + 1
    truth = {
        "videos": [{"id": video, **size} for video in range(1, case.videos + 1)],
        "categories": [{"id": key, "name": f"category {key}"} for key in range(1, case.categories + 1)],
        "annotations": annotations,
    }
    with atomic_write(files.ground_truth) as temporary:
        temporary.write_text(json.dumps(truth))


def _random_blob(case: Case, generator: np.random.Generator) -> Blob:
    size = np.array([case.width, case.height])
    path = np.cumsum(generator.normal(0, 0.004, (case.frames, 2)), axis=0) + generator.uniform(0.15, 0.85, 2)
    axes = size * generator.uniform(0.05, 0.18, 2) * (1 + 0.1 * np.sin(np.arange(case.frames) / 7))[:, None]
    hidden = generator.integers(case.frames + 1, size=2)  # behind another object between these frames
    visible = ~((np.arange(case.frames) >= min(hidden)) & (np.arange(case.frames) < min(hidden) + case.frames // 8))
    return Blob(path * size, axes, visible, int(generator.integers(case.categories)) + 1)


def _annotation(case: Case, video: int, blob: Blob, generator: np.random.Generator) -> dict[str, Any]:
    """Uncompressed codes and areas, as the data sets are distributed."""
    counts = list(_counts(case, blob, generator))
    masks = [None if c is None else {"size": [case.height, case.width], "counts": c.tolist()} for c in counts]
    areas = [None if c is None else int(c[1::2].sum()) for c in counts]
    common = {"video_id": video, "category_id": blob.category, "iscrowd": 0}
    return {**common, "segmentations": masks, "areas": areas}


def _predictions(case: Case, video: int, blobs: list[Blob], generator: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Most follow an object, the others nothing; compressed codes, and nulls where the object is not seen."""
    for number in range(case.predictions):
        follows = generator.random() < 0.8
        blob = blobs[number % len(blobs)] if follows else _random_blob(case, generator)
        seen = blob.seen_by_a_model(case, generator)
        masks = [_compressed(case, counts) for counts in _counts(case, seen, generator)]
        score = float(generator.random()) * (0.6 + 0.4 * follows)
        yield {"video_id": video, "score": score, "category_id": seen.category, "segmentations": masks}


def _compressed(case: Case, counts: NDArray[np.int64] | None) -> dict[str, Any] | None:
    if counts is None:
        return None
    size = [case.height, case.width]
    code = coco_mask.frPyObjects({"size": size, "counts": counts.tolist()}, *size)
    return {"size": size, "counts": code["counts"].decode()}


def _counts(case: Case, blob: Blob, generator: np.random.Generator) -> Iterator[NDArray[np.int64] | None]:
    """Run lengths of each frame, down the columns; None where the object is not seen.

    In each column an ellipse's chord with ends that are off by some pixels, and in every seventh column a gap.
    """
    columns = np.arange(case.width)
    distance = (columns - blob.centre[:, :1]) / blob.axes[:, :1]  # (T, W)
    half = blob.axes[:, 1:] * np.sqrt(np.maximum(1 - distance**2, 0))
    ends = blob.centre[:, 1:, None] + half[:, None] * np.array([[-1], [1]])  # (T, 2, W)
    wobble = generator.normal(0, 3, (case.frames, 2, case.width // 16 + 1)).repeat(16, axis=2)[..., : case.width]
    ends = ends + wobble + generator.integers(-1, 2, ends.shape)
    # A free pixel above and below keeps the runs of neighbouring columns apart.
    top, bottom = np.clip(ends, 1, case.height - 1).astype(np.int64).transpose(1, 0, 2)
    gap = (top + bottom) // 2
    seen = (half > 0) & (bottom > top) & blob.visible[:, None]
    with_gap = seen & (generator.random(seen.shape) < 1 / 7) & (top < gap) & (gap + 3 < bottom)
    edges = np.stack([top, gap, gap + 3, bottom], axis=-1) + (columns * case.height)[:, None]
    kept = np.stack([seen, with_gap, with_gap, seen], axis=-1)
    for frame in range(case.frames):
        inside = edges[frame][kept[frame]]
        yield np.diff(inside, prepend=0, append=case.height * case.width) if len(inside) else None
