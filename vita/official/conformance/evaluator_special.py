"""What the official evaluator does with odd input, and what ours does instead where the official one breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.scoring import evaluate
from vita.official.conformance.check import held
from vita.official.contract import Check, not_compared

Predictions = list[dict[str, Any]]


@dataclass(frozen=True)
class OddInput:
    """An input, what the official evaluator was recorded to do with it, and whether ours does what it should."""

    key: str
    official: str | bool
    ours: str
    holds: Callable[[GroundTruth, Predictions], bool]


def special_checks(folder: Path, names: list[str]) -> Iterator[Check]:
    """`special.json`, tried on the first of the recorded evaluations `names` that has predictions."""
    recorded = read_json(folder / "special.json")
    if not isinstance(recorded, dict):
        raise UserError(f"{folder / 'special.json'}: must be an object of behaviours by name")
    truth, predictions = _example(folder, names)
    for odd in ODD_INPUTS:
        if odd.key in recorded:
            agrees = recorded[odd.key] == odd.official and odd.holds(truth, predictions)
            yield held(f"{folder.name}/special {odd.key} ({odd.ours})", agrees)
    for key in recorded:
        if key not in {odd.key for odd in ODD_INPUTS}:
            yield not_compared(f"{folder.name}/special: {key} not compared")


def _example(folder: Path, names: list[str]) -> tuple[GroundTruth, Predictions]:
    for name in names:
        predictions: Predictions = read_json(folder / f"{name}_pred.json")
        if predictions:
            return load_ground_truth(folder / f"{name}_gt.json"), predictions
    raise UserError(f"{folder}: every predictions file is empty; odd input is tried on one that is not")


def _nothing_scores_zero(truth: GroundTruth, predictions: Predictions) -> bool:
    """Every number is 0, or -1 as for any predictions where there is nothing to find."""
    nothing, some = evaluate(truth, []).scores, evaluate(truth, predictions).scores
    return all(one == min(other, 0) for one, other in zip(vars(nothing).values(), vars(some).values(), strict=True))


def _unknown_video_is_refused(truth: GroundTruth, predictions: Predictions) -> bool:
    unknown = {**predictions[0], "video_id": max(truth.videos) + 1}
    try:
        evaluate(truth, [*predictions, unknown])
    except UserError as error:
        return f"unknown video_id {unknown['video_id']}" in str(error)
    return False


def _unknown_category_is_ignored(truth: GroundTruth, predictions: Predictions) -> bool:
    unknown = {**predictions[0], "category_id": max(truth.categories) + 1}
    return evaluate(truth, [*predictions, unknown]).scores == evaluate(truth, predictions).scores


def _shorter_list_decides(truth: GroundTruth, predictions: Predictions) -> bool:
    """IoUs of tracks without their last frame are those against ground truth without that frame."""
    lengths = {video_id: size.length for video_id, size in truth.videos.items()}
    whole = [entry for entry in predictions if len(entry["segmentations"]) == lengths[entry["video_id"]]]
    short = [{**entry, "segmentations": entry["segmentations"][:-1]} for entry in whole]
    cut = [
        replace(one, track=replace(one.track, masks=one.track.masks[: lengths[one.video_id] - 1]))
        for one in truth.annotations
    ]
    ours, wanted = evaluate(truth, short).groups, evaluate(replace(truth, annotations=cut), short).groups
    return all(np.array_equal(one.ious, other.ious) for one, other in zip(ours, wanted, strict=True))


ODD_INPUTS = (
    OddInput("empty_prediction_list", "raises IndexError", "ours: finding nothing scores 0", _nothing_scores_zero),
    OddInput("unknown_video_id", "raises AssertionError", "ours: a message", _unknown_video_is_refused),
    OddInput("unknown_category_id_is_ignored", True, "ours: ignored", _unknown_category_is_ignored),
    OddInput(
        "prediction_with_fewer_frames_than_video",
        "runs silently (zip truncates)",
        "ours: the frames that both list count",
        _shorter_list_decides,
    ),
)
