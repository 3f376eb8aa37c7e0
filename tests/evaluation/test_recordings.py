"""Agreement with recordings of the official YouTube-VIS evaluator, to the last bit."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vita.core.contract import UserError
from vita.official.conformance.evaluator import checks
from vita.official.contract import Check

RECORDINGS = Path(__file__).parents[1] / "golden" / "evaluator"
GROUPS = {
    "twelve numbers",
    "AP by category",
    "limits",
    "sha256 of precision",
    "sha256 of recall",
    "shape of precision",
    "precision",
    "recall",
    "iouThrs",
    "recThrs",
    "scores",
    "IoUs",
    "dtScores",
    "dtMatches_at_0_50",
    "dtIgnore_at_0_50",
    "gtIgnore",
}


@pytest.fixture(scope="module")
def found() -> dict[str, Check]:
    return {check.group: check for check in checks(RECORDINGS)}


@pytest.mark.parametrize("name", ["general", "many", "edge"])
@pytest.mark.parametrize("group", sorted(GROUPS))
def test_equal_to_the_last_bit(found: dict[str, Check], name: str, group: str) -> None:
    check = found[f"evaluator/{name} {group}"]
    assert check.passed is True
    assert check.error == check.tolerance == 0


def test_odd_input_is_treated_as_recorded_or_better(found: dict[str, Check]) -> None:
    special = {group.split()[1]: check.passed for group, check in found.items() if "/special" in group}
    assert special == dict.fromkeys(json.loads((RECORDINGS / "special.json").read_text()), True)


def test_nothing_is_left_out(found: dict[str, Check]) -> None:
    assert [group for group, check in found.items() if check.passed is None] == []
    assert len(found) == 3 * len(GROUPS) + 4


def test_what_else_was_recorded_is_named(general: Path) -> None:
    stored = dict(np.load(general / "general_arrays.npz"))
    np.savez(general / "general_arrays.npz", **stored, other=np.zeros(1))
    assert [check.group for check in checks(general) if check.passed is None] == [
        "evaluator/general: 1 not compared: other"
    ]


# A recording that differs in one place fails in the group of that place, and in no other.

Spoil = Callable[[Any], None]


def first(groups: list[dict], key: str) -> list:
    """The first list of that name that is not empty."""
    return next(group[key] for group in groups if group[key])


def flip(values: list[int]) -> None:
    values[0] = 1 - values[0]


def next_float(values: Any, key: Any) -> None:
    values[key] = math.nextafter(values[key], 2.0)


def of_ious(content: dict) -> list[list[float]]:
    return next(ious for ious in content["ious_rows_are_predictions_sorted_by_score_cols_are_gt"].values() if ious[0])


SPOILS: list[tuple[str, Spoil]] = [
    ("twelve numbers", lambda content: next_float(content["stats"], "AP50")),
    ("twelve numbers", lambda content: content["stats_list"].reverse()),
    ("AP by category", lambda content: next_float(content["per_category_AP"], "3")),
    ("AP by category", lambda content: content["per_category_AP"].update({"8": 0.0})),  # recorded: null
    ("AP by category", lambda content: content["category_ids"].pop()),
    ("limits", lambda content: content["maxDets"].reverse()),
    ("sha256 of precision", lambda content: content.update(precision_sha256_float64_C="0" * 64)),
    ("sha256 of recall", lambda content: content.update(recall_sha256_float64_C="0" * 64)),
    ("shape of precision", lambda content: content["precision_shape"].reverse()),
    ("IoUs", lambda content: next_float(of_ious(content)[0], -1)),
    ("IoUs", lambda content: of_ious(content).append([0.5, 0.5])),
    ("dtScores", lambda content: next_float(first(content["matches_area_all"], "dtScores"), 0)),
    ("dtMatches_at_0_50", lambda content: first(content["matches_area_all"], "dtMatches_at_0_50").reverse()),
    ("dtIgnore_at_0_50", lambda content: flip(first(content["matches_area_all"], "dtIgnore_at_0_50"))),
    ("gtIgnore", lambda content: flip(first(content["matches_area_all"], "gtIgnore"))),
]


@pytest.fixture
def general(tmp_path: Path) -> Path:
    folder = tmp_path / "evaluator"
    folder.mkdir()
    for path in RECORDINGS.glob("general_*"):
        shutil.copy(path, folder)
    return folder


def spoil(path: Path, change: Spoil) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def failing(folder: Path) -> list[str]:
    return [check.group for check in checks(folder) if check.passed is False]


@pytest.mark.parametrize(("group", "change"), SPOILS)
def test_one_difference_is_seen(general: Path, group: str, change: Spoil) -> None:
    spoil(general / "general_expected.json", change)
    assert failing(general) == [f"evaluator/general {group}"]


@pytest.mark.parametrize("name", ["precision", "recall", "iouThrs", "recThrs", "scores"])
def test_one_bit_of_an_array_is_seen(general: Path, name: str) -> None:
    stored = dict(np.load(general / "general_arrays.npz"))
    place = tuple(np.argwhere(stored[name] > 0)[0])
    stored[name][place] = np.nextafter(stored[name][place], 2.0)
    np.savez(general / "general_arrays.npz", **stored)
    assert failing(general) == [f"evaluator/general {name}"]


def test_another_behaviour_on_odd_input_is_seen(general: Path) -> None:
    (general / "special.json").write_text(json.dumps({"unknown_category_id_is_ignored": False, "other": 1}))
    assert [group.split(" (")[0] for group in failing(general)] == ["evaluator/special unknown_category_id_is_ignored"]
    assert "evaluator/special: other not compared" in {check.group for check in checks(general)}


def test_what_was_not_recorded_is_not_checked(general: Path) -> None:
    (general / "general_arrays.npz").unlink()
    groups = {check.group.removeprefix("evaluator/general ") for check in checks(general)}
    assert groups == GROUPS - {"precision", "recall", "iouThrs", "recThrs", "scores"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("general_expected.json", "{}", "general_expected.json: no entry 'stats'"),
        ("general_expected.json", "[", "general_expected.json: not valid JSON"),
        ("general_gt.json", None, "general_gt.json: no such file"),
        ("general_arrays.npz", "nothing", "general_arrays.npz: not a readable file of arrays"),
        ("special.json", "[]", "special.json: must be an object"),
    ],
)
def test_a_malformed_recording_is_named(general: Path, name: str, content: str | None, message: str) -> None:
    if content is None:
        (general / name).unlink()
    else:
        (general / name).write_text(content)
    with pytest.raises(UserError, match=message):
        list(checks(general))
