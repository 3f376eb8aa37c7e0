"""Predictions of categories and videos that the ground truth does not have are counted and told, with a guess."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vita.core.contract import UserError
from vita.evaluation.readers.detections import read_detections, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, parse_ground_truth
from vita.evaluation.readers.id_shift import shift_that_fits

MASK = {"size": [2, 2], "counts": "04"}  # all of four pixels


def truth(videos: list[int], categories: list[int]) -> GroundTruth:
    content = {
        "videos": [{"id": key, "height": 2, "width": 2, "length": 1, "file_names": [f"{key}/0.jpg"]} for key in videos],
        "categories": [{"id": key, "name": f"class {key}"} for key in categories],
        "annotations": [],
    }
    return parse_ground_truth(content, "truth")


def predictions(*ids: tuple[int, int]) -> list[dict[str, Any]]:
    """Of (video, category) each."""
    return [
        {"video_id": video, "category_id": category, "score": 0.5, "segmentations": [MASK]} for video, category in ids
    ]


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([0, 1], "2 of 4 predictions are of categories that the ground truth does not have (0; it has 1, 2), and do "
                 "not count, as in the official evaluator; all would be known if each id were 1 more"),
        ([11, 12], "4 of 4 predictions are of categories that the ground truth does not have (11, 12; it has 1, 2), "
                   "and do not count, as in the official evaluator; all would be known if each id were 10 less"),
        ([1, 40], "2 of 4 predictions are of categories that the ground truth does not have (40; it has 1, 2), and do "
                  "not count, as in the official evaluator; are they numbers of another class list?"),
    ],
)  # fmt: skip
def test_unknown_categories(used: list[int], expected: str, caplog: pytest.LogCaptureFixture) -> None:
    given = predictions(*((5, category) for category in used * 2))
    kept = read_detections(given, truth([5], [1, 2]), "theirs")
    assert len(kept) == sum(category in (1, 2) for category in used * 2)
    assert caplog.messages == [f"theirs: {expected}"]


def test_known_categories_are_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    assert len(read_detections(predictions((5, 1), (5, 2)), truth([5], [1, 2, 3]), "theirs")) == 2
    assert not caplog.messages


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        ([4, 5], "prediction 0: unknown video_id 4; it must be the id of a video of the ground truth, as 1 of 2 "
                 "predictions have; all would be known if each id were 1 more"),
        ([5, 99], "prediction 1: unknown video_id 99; it must be the id of a video of the ground truth, as 1 of 2 "
                  "predictions have; is it of another data set, or of another part?"),
    ],
)  # fmt: skip
def test_unknown_videos(used: list[int], expected: str) -> None:
    with pytest.raises(UserError) as refused:
        read_detections(predictions(*((video, 1) for video in used)), truth([5, 6], [1]), "theirs")
    assert str(refused.value) == f"theirs: {expected}"


def test_an_archive_is_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "results.zip", "w") as archive:
        archive.writestr("results.json", "[]")
    with pytest.raises(UserError, match=r"results.zip: an archive; unpack the results file in it and name that"):
        read_detections_file(tmp_path / "results.zip", truth([1], [1]))


@given(
    known=st.sets(st.integers(0, 60), min_size=1),
    picked=st.lists(st.integers(0, 100), min_size=1, max_size=5),
    shift=st.integers(-70, 70),
)
def test_a_shift_that_is_named_fits(known: set[int], picked: list[int], shift: int) -> None:
    """And where all ids were shifted by one number, lowest or highest of the known ones among them, one is found."""
    ordered = sorted(known)
    used = {ordered[place % len(ordered)] for place in picked} | {ordered[0]}
    found = shift_that_fits({key - shift for key in used}, known)
    assert found is None or all(key - shift + found in known for key in used)
    assert found is not None or shift == 0 or (len(used) == 1 and abs(shift) > 1)
