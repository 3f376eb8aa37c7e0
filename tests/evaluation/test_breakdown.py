from typing import Any

import pytest
from evaluation_scenes import annotation, codes, ground_truth, prediction, video

from vita.evaluation.breakdown import Part, VideoRow, break_down, per_video
from vita.evaluation.readers.detections import read_detections
from vita.evaluation.readers.ground_truth import parse_ground_truth
from vita.evaluation.scoring import evaluate_detections

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]


def parts_and_rows(
    annotations: list[dict[str, Any]], predictions: list[dict[str, Any]], **changes: Any
) -> tuple[dict[tuple[str, str], Part], dict[int, VideoRow]]:
    truth = parse_ground_truth(ground_truth(annotations, **changes), "gt")
    detections = read_detections(predictions, truth, "predictions")
    counts = evaluate_detections(truth, detections).counts
    parts = {(part.kind, part.name): part for part in break_down(truth, detections, counts)}
    return parts, {row.video_id: row for row in per_video(truth, counts)}


def repeated(mask: Any, frames: int) -> list[Any]:
    return codes([mask] * frames)


VIDEOS = [video(1, length=20), video(2, length=21), video(3, length=81)]


def three_videos() -> tuple[dict[tuple[str, str], Part], dict[int, VideoRow]]:
    """Video 1: one object, found. Video 2: two, one found behind a wrong one. Video 3: none, with one prediction."""
    annotations = [
        annotation(1, repeated(LEFT, 20)),
        annotation(2, repeated(LEFT, 21), video_id=2),
        annotation(3, repeated(RIGHT, 21), video_id=2),
        annotation(4, repeated(RIGHT, 20), iscrowd=1),
    ]
    wrong = [[0, 0, 1, 0], [0, 1, 0, 0]]
    predictions = [
        prediction(repeated(LEFT, 20), 0.9),
        prediction(repeated(wrong, 21), 0.8, video_id=2),
        prediction(repeated(RIGHT, 21), 0.7, video_id=2),
        prediction(repeated(RIGHT, 20), 0.7, category_id=2),
        prediction(repeated(wrong, 81), 0.6, video_id=3),
    ]
    return parts_and_rows(annotations, predictions, videos=VIDEOS, categories=(1, 2))


def test_each_video_by_itself() -> None:
    _, rows = three_videos()
    assert [(row.frames, row.objects, row.predictions) for row in rows.values()] == [(20, 1, 2), (21, 2, 2), (81, 0, 1)]
    # The prediction of category 2 in video 1 costs nothing: the video has no object of it.
    assert rows[1].scores.ap == pytest.approx(1)
    # One of two objects, behind a wrong detection: precision 1/2 at the 51 of 101 recalls up to 1/2.
    assert rows[2].scores.ap == pytest.approx(51 / 101 / 2)
    assert (rows[2].scores.ar1, rows[2].scores.ar10) == (0, 0.5)
    assert rows[3].scores.ap == -1
    assert rows[3].to_json() == {
        "video_id": 3, "frames": 81, "objects": 0, "predictions": 1,
        "ap": None, "ap50": None, "ap75": None, "ar1": None, "ar10": None,
    }  # fmt: skip


def test_by_objects_and_length_of_the_video() -> None:
    parts, rows = three_videos()
    kind = "objects in the video"
    assert [(name, part.videos, part.objects) for (of, name), part in parts.items() if of == kind] == [
        ("1", 1, 1),
        ("2", 1, 2),
    ]
    assert parts[kind, "2"].scores == rows[2].scores
    kind = "frames of the video"
    assert [(name, part.videos, part.objects) for (of, name), part in parts.items() if of == kind] == [
        ("1-20", 1, 1),
        ("21-40", 1, 2),
        ("81 or more", 1, 0),
    ]
    assert parts[kind, "1-20"].scores == rows[1].scores
    assert parts[kind, "81 or more"].to_json()["ap"] is None
    assert not any(of == "occlusion of the object" for of, _ in parts)


def test_ranges_hold_their_ends() -> None:
    # n objects in video n, whose frames are as many.
    videos = [video(number, length=number) for number in (1, 2, 3, 5, 6, 10, 11)]
    annotations = [
        annotation(100 * entry["id"] + n, repeated(LEFT, entry["id"]), video_id=entry["id"])
        for entry in videos
        for n in range(entry["id"])
    ]
    parts, _ = parts_and_rows(annotations, [], videos=videos)
    found = {name: (part.videos, part.objects) for (kind, name), part in parts.items() if kind.startswith("objects")}
    assert found == {"1": (1, 1), "2": (1, 2), "3-5": (2, 8), "6-10": (2, 16), "11 or more": (1, 11)}


def test_by_occlusion_of_the_object() -> None:
    labels = {"occlusion": ["severe_occlusion", None]}
    annotations = [
        annotation(1, codes([LEFT, LEFT]), occlusion=["no_occlusion", "no_occlusion"]),
        annotation(2, codes([RIGHT, RIGHT]), **labels),
        annotation(3, codes([LEFT, LEFT]), video_id=2, **labels),
    ]
    predictions = [
        prediction(codes([LEFT, LEFT]), 0.9),
        prediction(codes([RIGHT, RIGHT]), 0.8),
        prediction(codes([RIGHT, RIGHT]), 0.7, video_id=2),
    ]
    parts, _ = parts_and_rows(annotations, predictions, videos=[video(1), video(2)])
    found = {name: part for (kind, name), part in parts.items() if kind == "occlusion of the object"}
    assert {name: (part.videos, part.objects) for name, part in found.items()} == {"no": (1, 1), "severe": (2, 2)}
    # Not occluded: the object is found first; the right detection of an occluded one is no mistake here.
    assert found["no"].scores.ap == pytest.approx(1)
    # Severely: the detection of the other level does not count; then one of two is found.
    assert found["severe"].scores.ap == pytest.approx(51 / 101)
    assert found["severe"].scores.ar10 == pytest.approx(1 / 2)
