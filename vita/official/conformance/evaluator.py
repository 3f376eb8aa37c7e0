"""Our scores held against recordings of the official YouTube-VIS evaluator, to the last bit.

Legend: D detections and G ground-truth tracks of one (video, category), T IoU thresholds, R recall levels,
K categories, A area ranges, M detection limits.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.evaluation.average_precision import MAX_DETECTIONS, RECALL_LEVELS, merge_groups, scores_at_recall
from vita.evaluation.counts import IOU_THRESHOLDS
from vita.evaluation.main_scores import OFFICIAL_SCORES
from vita.evaluation.matching import AREA_RANGES, GroupMatches
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.scoring import Evaluation, evaluate_files
from vita.official.conformance.check import EXACT, compare, compare_numbers, failed, held
from vita.official.conformance.evaluator_special import special_checks
from vita.official.conformance.recording import recorded_value
from vita.official.contract import Check, not_compared

_OTHERS = {"APs": "ap_small", "APm": "ap_medium", "APl": "ap_large"}
_OTHERS |= {"AR100": "ar100", "ARs": "ar_small", "ARm": "ar_medium", "ARl": "ar_large"}
_NAMES = {name: name.lower() for name in OFFICIAL_SCORES} | _OTHERS
# The official names of the twelve numbers -> ours, in the official order: precision before recall.
SCORES = {name: _NAMES[name] for name in sorted(_NAMES, key=lambda name: name[:2])}
IOUS = "ious_rows_are_predictions_sorted_by_score_cols_are_gt"
AT_HALF = 0  # index of the IoU threshold 0.50
AREA_ALL = 0


@dataclass(frozen=True)
class Case:
    """One recorded evaluation and ours of the same files."""

    group: str
    path: Path  # of the recorded results
    recorded: Mapping[str, Any]
    ours: Evaluation
    truth: GroundTruth

    def __getitem__(self, key: str) -> Any:
        return recorded_value(self.recorded, key, self.path)


def checks(folder: Path) -> Iterator[Check]:
    """Every `<name>_gt.json` and `<name>_pred.json` against `<name>_expected.json` and `<name>_arrays.npz`.

    Raises UserError when one of them is missing or malformed.
    """
    names = [path.name.removesuffix("_expected.json") for path in sorted(folder.glob("*_expected.json"))]
    for name in names:
        case = _evaluated(folder, name)
        yield from _score_checks(case)
        yield from _array_checks(case, folder / f"{name}_arrays.npz")
        yield from _group_checks(case)
    if (folder / "special.json").is_file() and names:
        yield from special_checks(folder, names)


def _evaluated(folder: Path, name: str) -> Case:
    truth, predictions = folder / f"{name}_gt.json", folder / f"{name}_pred.json"
    path = folder / f"{name}_expected.json"
    ours = evaluate_files(truth, predictions)
    return Case(f"{folder.name}/{name}", path, read_json(path), ours, load_ground_truth(truth))


def _score_checks(case: Case) -> Iterator[Check]:
    """The twelve numbers by name and in their order, AP by category, and the settings that they depend on."""
    ours = [getattr(case.ours.scores, name) for name in SCORES.values()]
    recorded = [recorded_value(case["stats"], name, case.path) for name in SCORES]
    yield compare_numbers(f"{case.group} twelve numbers", ours + ours, recorded + case["stats_list"], EXACT)
    written = {str(entry["id"]): entry["ap"] for entry in case.ours.record().per_category}
    if list(case.ours.per_category_ap) != case["category_ids"] or set(written) != set(case["per_category_AP"]):
        yield failed(f"{case.group} AP by category")
    else:
        recorded = [_nan_for_null(case["per_category_AP"][key]) for key in written]
        yield compare_numbers(f"{case.group} AP by category", [*map(_nan_for_null, written.values())], recorded, EXACT)
    limits = [*MAX_DETECTIONS, *(edge for limits in AREA_RANGES.values() for edge in limits)]
    recorded = [*case["maxDets"], *(edge for limits in case["areaRng"] for edge in limits)]
    yield compare_numbers(f"{case.group} limits", limits, recorded, EXACT)


def _nan_for_null(ap: float | None) -> float:
    return math.nan if ap is None else ap


def _array_checks(case: Case, path: Path) -> Iterator[Check]:
    """Precision (T, R, K, A, M) and recall (T, K, A, M): shape and digest, and the arrays where they were stored."""
    digests = {"precision": case.ours.precision(), "recall": case.ours.recall()}
    for name, array in digests.items():
        yield held(f"{case.group} sha256 of {name}", _sha256(array) == case[f"{name}_sha256_float64_C"])
    yield held(f"{case.group} shape of precision", list(digests["precision"].shape) == case["precision_shape"])
    if not path.is_file():
        return
    stored = _arrays(path)
    ours = digests | {"iouThrs": IOU_THRESHOLDS, "recThrs": RECALL_LEVELS, "scores": _scores_at_recall(case.ours)}
    for name, array in ours.items():
        if name in stored:
            pair = torch.from_numpy(np.ascontiguousarray(array)), torch.from_numpy(stored[name])
            yield compare(f"{case.group} {name}", [pair], EXACT)
    left = sorted(set(stored) - set(ours))
    if left:
        yield not_compared(f"{case.group}: {len(left)} not compared: {', '.join(left)}")


def _scores_at_recall(ours: Evaluation) -> np.ndarray:
    """(T, R, K, A, M), as precision."""
    scores = np.empty_like(ours.precision())
    for category, area in np.ndindex(scores.shape[2:4]):
        groups = [group for group in ours.groups if group.category_id == ours.counts.category_ids[category]]
        merged = merge_groups([group.counts(area) for group in groups], ours.counts.video_ids)
        for limit, max_detections in enumerate(MAX_DETECTIONS):
            scores[:, :, category, area, limit] = scores_at_recall(merged, max_detections)
    return scores


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path) as stored:
            return {name: stored[name] for name in stored}
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path}: not a readable file of arrays ({error}); record it again") from None


def _sha256(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, np.float64).tobytes()).hexdigest()


def _group_checks(case: Case) -> Iterator[Check]:
    """IoU of all pairs, and scores, matches and ignore flags at IoU 0.5, of every (video, category)."""
    ious = {f"{group.video_id},{group.category_id}": group.ious for group in case.ours.groups if len(group.scores)}
    yield _compare_by_key(f"{case.group} IoUs", ious, case[IOUS], case.path)
    entries = {f"{entry['video_id']},{entry['category_id']}": entry for entry in case["matches_area_all"]}
    ours = {f"{group.video_id},{group.category_id}": _at_half(group, case.truth) for group in case.ours.groups}
    for name in ("dtScores", "dtMatches_at_0_50", "dtIgnore_at_0_50"):
        values = {key: group[name] for key, group in ours.items()}
        recorded = {key: recorded_value(entry, name, case.path) for key, entry in entries.items()}
        yield _compare_by_key(f"{case.group} {name}", values, recorded, case.path)
    flags = {key: group["gtIgnore"] for key, group in ours.items()}
    recorded = {key: _by_id(entry, case.path) for key, entry in entries.items()}
    yield _compare_by_key(f"{case.group} gtIgnore", flags, recorded, case.path)


def _at_half(group: GroupMatches, truth: GroundTruth) -> dict[str, np.ndarray]:
    """One group as the recording writes it: ids of matched ground truth (0: none), flags in order of id."""
    key = group.video_id, group.category_id
    ids = [annotation.id for annotation in truth.annotations if (annotation.video_id, annotation.category_id) == key]
    in_order = np.argsort(ids, kind="stable").astype(int)
    return {
        "dtScores": group.scores,
        "dtMatches_at_0_50": np.array([*ids, 0])[group.matches[AREA_ALL, AT_HALF]],  # -1 reads the 0 at the end
        "dtIgnore_at_0_50": group.ignored[AREA_ALL, AT_HALF],
        "gtIgnore": np.stack([np.array(ids, int), group.ground_truth_ignored[AREA_ALL]])[:, in_order],
    }


def _by_id(entry: Mapping[str, Any], path: Path) -> np.ndarray:
    """(2, G): ids of ground truth and their ignore flags, in order of id: the official matching sorts by flag."""
    pairs = _array([recorded_value(entry, name, path) for name in ("gtIds", "gtIgnore")], path)
    return pairs[:, np.argsort(pairs[0], kind="stable")]


def _compare_by_key(group: str, ours: Mapping[str, np.ndarray], recorded: Mapping[str, Any], path: Path) -> Check:
    """Arrays under the same keys; an empty one is equal to any other empty one."""
    if set(ours) != set(recorded):
        return failed(group)
    pairs = []
    for key, array in ours.items():
        one, other = torch.from_numpy(array.astype(np.float64)), torch.from_numpy(_array(recorded[key], path))
        if one.numel() or other.numel():
            pairs.append((one, other))
    return compare(group, pairs, EXACT)


def _array(values: Any, path: Path) -> np.ndarray:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{path}: {str(values)[:60]} is not an array of numbers; make the recording again") from None
