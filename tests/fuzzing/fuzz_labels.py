"""Annotation and results files, each read by compiled scanners and by a JSON reader."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from fuzz_target import JSON_WORDS, Seed, Target, agree, differ, outcome, plain_json
from PIL import Image

from vita.core.contract import UserError
from vita.data.check.check import check
from vita.data.check.expectations import CheckTarget
from vita.data.coco import read_coco
from vita.data.dataset import PartFiles
from vita.data.masks import rle
from vita.data.ytvis import Split, read_split
from vita.evaluation.readers import annotation_file, results_file
from vita.evaluation.readers.detections import Detection, read_detections, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, VideoSize, load_ground_truth, parse_ground_truth
from vita.evaluation.scoring import Evaluation, evaluate_detections
from vita.evaluation.submission import write_submission

NO_JSON = (UserError, ValueError, RecursionError)
SMALL_PIECE = 100  # bytes that are parsed together: most tracks are then cut
LABEL_WORDS = (*JSON_WORDS, b'"segmentations":', b'"size":[3,4]', b'"counts":', b'"annotations":[', b"16", b"~", b"o")

BOX = {"size": [3, 4], "counts": [3, 2, 1, 2, 4]}  # columns 1 and 2 of rows 0 and 1
CODE = rle.normalise(BOX, 3, 4)
OUTLINE = [[1, 0, 3, 0, 3, 2, 1, 2]]
VIDEOS = [
    {"id": 1, "height": 3, "width": 4, "length": 2, "file_names": ["a/0.png", "a/1.png"]},
    {"id": 2, "height": 3, "width": 4, "file_names": ["a/1.png"]},
]
CATEGORIES = [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}]
OBJECT = {"video_id": 1, "category_id": 7, "iscrowd": 0, "areas": [4, None], "bboxes": [[1, 0, 2, 2], None]}
TRUTH = {
    "videos": VIDEOS,
    "categories": CATEGORIES,
    "annotations": [
        {"id": 1, **OBJECT, "segmentations": [BOX, None], "occlusion": ["no_occlusion", "severe_occlusion"]},
        {"id": 2, **OBJECT, "segmentations": [CODE, OUTLINE], "iscrowd": 1, "areas": [4, 4], "bboxes": [None, None]},
        {"id": 3, "video_id": 2, "category_id": 9, "segmentations": [CODE]},
    ],
}
IMAGES = {
    "images": [{"id": number, "height": 3, "width": 4, "file_name": f"a/{number}.png"} for number in (0, 1)],
    "categories": CATEGORIES,
    "annotations": [
        {"id": 1, "image_id": 0, "category_id": 7, "segmentation": [*OUTLINE, [1, 1]], "area": 4, "bbox": [1, 0, 2, 2]},
        {"id": 2, "image_id": 1, "category_id": 9, "segmentation": BOX, "iscrowd": 1},
    ],
}
TRACKS = [
    {"video_id": 1, "category_id": 7, "score": 0.5, "segmentations": [BOX, CODE]},
    {"video_id": 1, "category_id": 9, "score": 1, "segmentations": [OUTLINE, None]},
    {"video_id": 2, "score": 0.25, "category_id": 9, "segmentations": [CODE]},
    {"video_id": 2, "score": 0.125, "category_id": 7, "segmentations": [None]},
]


def _texts(document: Any) -> list[bytes]:
    return [json.dumps(document, **style).encode() for style in ({}, {"indent": 1}, {"separators": (",", ":")})]


def annotation_seeds(folder: Path) -> list[Seed]:
    """Of videos and of images; the frames lie beside them."""
    (folder / "frames/a").mkdir(parents=True, exist_ok=True)
    for number in (0, 1):
        Image.new("RGB", (4, 3), (90, 60, 30)).save(folder / f"frames/a/{number}.png")
    return [Seed("labels.json", text) for document in (TRUTH, TRUTH, IMAGES) for text in _texts(document)]


@contextmanager
def pieces(path: Path) -> Iterator[None]:
    """Files of an even size are cut into small pieces, others are whole."""
    before = results_file.PIECE, annotation_file.PIECE
    if path.stat().st_size % 2 == 0:
        results_file.PIECE = annotation_file.PIECE = SMALL_PIECE
    try:
        yield
    finally:
        results_file.PIECE, annotation_file.PIECE = before


def use_annotations(path: Path) -> None:
    """Evaluation's reading is that of a JSON reader; training's has the same masks; the check agrees."""
    frames = path.parent / "frames"
    document = outcome(lambda: plain_json(path), NO_JSON)[1]
    of_images = isinstance(document, dict) and "images" in document
    refusal, split = outcome(lambda: (read_coco if of_images else read_split)(path, frames), (UserError,))
    _, report = outcome(lambda: check(CheckTarget(PartFiles(path, frames)), True, 1), (UserError,))
    if report is not None and refusal and not report.findings.count("error"):
        differ(f"the check passes what is refused: {refusal}")
    if of_images:
        if refusal:
            raise refusal
        for objects in split.instances:
            list(objects)
        return
    with pieces(path):
        truth = _truth(path)
    if split is not None:
        _same_masks(split, truth)


def _truth(path: Path) -> GroundTruth:
    found: list[GroundTruth] = []

    def ours() -> Any:
        found.append(load_ground_truth(path))
        return _listed(found[0])

    agree(ours, lambda: _listed(parse_ground_truth(plain_json(path), str(path))), NO_JSON)
    evaluate_detections(found[0], [])
    return found[0]


def _listed(truth: GroundTruth) -> Any:
    entries = [{**vars(one), "track": list(one.track.masks)} for one in truth.annotations]
    return truth.videos, truth.categories, entries


def _same_masks(split: Split, truth: GroundTruth) -> None:
    by_id = {one.id: one for one in truth.annotations}
    for instance in (one for objects in split.instances for one in objects):
        ours = [one["counts"] if isinstance(one, dict) else "" for one in instance.segmentations]
        for mask, other in zip(ours, by_id[instance.id].track.masks, strict=True):
            if (mask and rle.run_lengths(mask).tolist()) != (other and rle.run_lengths(other).tolist()):
                differ(f"annotation {instance.id}: {mask!r} to train on, {other!r} to score")


def result_seeds(folder: Path) -> list[Seed]:
    """Results of the videos of TRUTH."""
    return [Seed("results.json", text) for text in _texts(TRACKS)]


@cache
def ground_truth() -> GroundTruth:
    """The objects of TRUTH."""
    return parse_ground_truth(TRUTH, "truth")


def use_results(path: Path) -> None:
    """Entries and scores are those of a JSON reader; what a server may have can be scored."""
    truth = ground_truth()
    found: list[Sequence[Detection]] = []

    def scored(detections: Sequence[Detection]) -> Any:
        found.append(detections)
        listed = [(one.video_id, one.category_id, one.score, list(one.track.masks)) for one in detections]
        return listed, _curves(evaluate_detections(truth, detections))

    with pieces(path):
        refusal, _ = outcome(
            lambda: agree(
                lambda: scored(read_detections_file(path, truth)),
                lambda: scored(read_detections(plain_json(path), truth, str(path))),
                NO_JSON,
            ),
            (UserError,),
        )
    sizes = {key: VideoSize(size.height, size.width, size.length) for key, size in truth.videos.items()}
    refused, _ = outcome(
        lambda: write_submission(path, sizes, truth.categories, path.with_suffix(".zip")), (UserError,)
    )
    if refusal and not refused:
        differ(f"written for a server, but not scored here: {refusal}")
    if refusal:
        raise refusal


def _curves(found: Evaluation) -> tuple[bytes, bytes]:
    return found.precision().tobytes(), found.recall().tobytes()


ANNOTATIONS = Target("annotations", annotation_seeds, use_annotations, LABEL_WORDS, json.loads)
RESULTS = Target("results", result_seeds, use_results, LABEL_WORDS, json.loads)
