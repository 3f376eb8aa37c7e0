import json
from dataclasses import astuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, video
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from vita.core.contract import UserError
from vita.evaluation.frames.frame_ap import FrameEvaluation, evaluate_frames
from vita.evaluation.frames.frame_detections import read_frame_detections
from vita.evaluation.readers.ground_truth import parse_ground_truth

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]


def detection(mask: Any, score: float = 0.5, **changes: Any) -> dict[str, Any]:
    return {"video_id": 1, "frame_index": 0, "label": 0, "score": score, "segmentation": code(mask), **changes}


def evaluated(folder: Path, truth: dict[str, Any], detections: list[dict[str, Any]]) -> FrameEvaluation:
    path = folder / "frame_detector.json"
    path.write_text(json.dumps(detections))
    parsed = parse_ground_truth(truth, "gt")
    return evaluate_frames(parsed, read_frame_detections(path, parsed, frozenset(parsed.videos)))


def test_every_frame_is_an_image(tmp_path: Path) -> None:
    # The object is visible in two of three frames; found in one; a detection in the third frame comes last.
    truth = ground_truth([annotation(1, codes([LEFT, RIGHT, None]))], videos=[video(length=3)])
    found = evaluated(tmp_path, truth, [detection(LEFT, 0.9), detection(LEFT, 0.1, frame_index=2)])
    assert found.scores.ap == pytest.approx(51 / 101)
    assert found.scores.ar100 == pytest.approx(1 / 2)
    assert (found.scores.ap_small, found.scores.ap_large) == (pytest.approx(51 / 101), -1)
    assert (found.videos, found.frames, found.detections) == (1, 3, 2)


def test_labels_stand_for_categories_by_ascending_id(tmp_path: Path) -> None:
    truth = ground_truth([annotation(1, codes([LEFT, None]), category_id=40)], categories=(40, 7))
    assert evaluated(tmp_path, truth, [detection(LEFT, label=1)]).per_category_ap == {7: -1, 40: pytest.approx(1)}
    assert evaluated(tmp_path, truth, [detection(LEFT, label=0)]).per_category_ap == {7: -1, 40: 0}


def test_a_crowd_takes_what_lies_in_it(tmp_path: Path) -> None:
    # COCO's overlap with a crowd is the share of the detection inside: one pixel of the crowd's three is inside it.
    crowd = annotation(1, codes([LEFT, None]), iscrowd=1)
    truth = ground_truth([crowd, annotation(2, codes([RIGHT, None]))])
    one_pixel = [[1, 0, 0, 0], [0, 0, 0, 0]]
    assert evaluated(tmp_path, truth, [detection(one_pixel, 0.9), detection(RIGHT)]).scores.ap == pytest.approx(1)


def test_no_detections_and_no_objects(tmp_path: Path) -> None:
    truth = ground_truth([annotation(1, codes([LEFT, None]))])
    assert evaluated(tmp_path, truth, []).to_json()["scores"]["ap"] == 0
    nothing = evaluated(tmp_path, ground_truth([]), [detection(LEFT)]).to_json()
    assert set(nothing["scores"].values()) == {None}
    assert nothing["per_category"] == [{"id": 1, "name": "category 1", "ap": None}]


def random_case(seed: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Two videos with boxes of all of COCO's sizes, of three categories, and detections near them and elsewhere."""
    random = np.random.default_rng(seed)
    videos = [video(3, 120, 160, 4), video(9, 100, 140, 3)]
    annotations, detections = [], []
    for size in videos:
        for _ in range(6):
            boxes = [_box(size, random) if random.random() < 0.8 else None for _ in range(size["length"])]
            category, crowd = int(random.integers(1, 4)), int(random.random() < 0.2)
            masks = codes([None if box is None else _mask(size, *box) for box in boxes])
            made = annotation(len(annotations), masks, video_id=size["id"], category_id=category, iscrowd=crowd)
            annotations.append(made)
            for frame, box in enumerate(boxes):
                near = _box(size, random) if box is None else np.clip(box + random.integers(-4, 5, 4), 0, 160)
                label = int(random.integers(0, 3)) if random.random() < 0.2 else category - 1
                score = float(np.round(random.random(), 1))
                detections.append(
                    detection(_mask(size, *near), score, video_id=size["id"], frame_index=frame, label=label)
                )
    return ground_truth(annotations, videos, categories=(1, 2, 3)), detections


def _box(size: dict[str, Any], random: np.random.Generator) -> np.ndarray:
    extent = int(random.choice([12, 50, 100]))
    top, left = random.integers(0, size["height"] - extent + 1), random.integers(0, size["width"] - extent + 1)
    return np.array([top, left, top + extent, left + extent])


def _mask(size: dict[str, Any], top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((size["height"], size["width"]), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def pycocotools_stats(truth: dict[str, Any], detections: list[dict[str, Any]]) -> np.ndarray:
    """All categories and frames at once, through pycocotools' own reader of results."""
    numbers = {(entry["id"], frame): 0 for entry in truth["videos"] for frame in range(entry["length"])}
    numbers = {place: number for number, place in enumerate(numbers, start=1)}
    sizes = {entry["id"]: entry for entry in truth["videos"]}
    coco = COCO()
    coco.dataset = {
        "images": [
            {"id": number, "height": sizes[key]["height"], "width": sizes[key]["width"]}
            for (key, _), number in numbers.items()
        ],
        "categories": truth["categories"],
        "annotations": [],
    }
    for entry in truth["annotations"]:
        for frame, mask in enumerate(entry["segmentations"]):
            if mask:
                coco.dataset["annotations"].append(
                    {
                        "id": len(coco.dataset["annotations"]) + 1,
                        "image_id": numbers[entry["video_id"], frame],
                        "category_id": entry["category_id"],
                        "iscrowd": entry["iscrowd"],
                        "segmentation": mask,
                        "area": float(coco_mask.area(mask)),
                    }
                )
    coco.createIndex()
    results = [
        {
            "image_id": numbers[entry["video_id"], entry["frame_index"]],
            "category_id": entry["label"] + 1,
            "segmentation": entry["segmentation"],
            "score": entry["score"],
        }
        for entry in detections
    ]
    evaluator = COCOeval(coco, coco.loadRes(results), "segm")
    evaluator.evaluate()
    evaluator.accumulate()
    evaluator.summarize()
    return evaluator.stats


@pytest.mark.parametrize("seed", range(3))
def test_equal_to_pycocotools_on_all_at_once(seed: int, tmp_path: Path) -> None:
    truth, detections = random_case(seed)
    scores = astuple(evaluated(tmp_path, truth, detections).scores)
    assert 0 < scores[0] < 1
    np.testing.assert_array_equal(scores, pycocotools_stats(truth, detections))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"video_id": 5}, "detection 0: unknown video_id 5"),
        ({"frame_index": 2}, "frame_index 2 is not in 0 to 1"),
        ({"frame_index": -1}, "frame_index -1 is not in 0 to 1"),
        ({"label": 1}, "label 1 is not in 0 to 0"),
        ({"label": "1"}, "`label` must be a whole number"),
        ({"score": float("nan")}, "`score` must be a finite number"),
        ({"segmentation": None}, "neither a run-length code"),
        ({"segmentation": code([[1]])}, "mask of size"),
        ({"segmentation": {"size": [2, 4], "counts": "3"}}, "run lengths add up to 3"),
    ],
)
def test_bad_detections(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    truth = ground_truth([annotation(1, codes([LEFT, None]))])
    with pytest.raises(UserError, match=message):
        evaluated(tmp_path, truth, [{**detection(LEFT), **change}])


def test_a_malformed_mask_of_the_ground_truth_is_named(tmp_path: Path) -> None:
    truth = ground_truth([annotation(4, [{"size": [2, 4], "counts": "3"}, None])])
    with pytest.raises(UserError, match="annotation 4, frame 0"):
        evaluated(tmp_path, truth, [])


def test_more_masks_than_pycocotools_measures_at_once(tmp_path: Path) -> None:
    frames = 300
    truth = ground_truth([annotation(1, codes([LEFT] * frames))], videos=[video(length=frames)])
    found = evaluated(tmp_path, truth, [detection(LEFT, frame_index=frame) for frame in range(frames)])
    assert found.scores.ap == pytest.approx(1)
