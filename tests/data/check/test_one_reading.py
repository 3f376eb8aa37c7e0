"""Training, evaluation and `vita data check` read annotation files alike: what one refuses, all refuse."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from checked_data import Data
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import EXTREMES
from PIL import Image

from vita.core.contract import UserError
from vita.data.masks import rle
from vita.data.ytvis import Split, read_split
from vita.evaluation.scoring import Evaluation, evaluate_files

# A box of columns 1-2 and rows 0-1 in frames of 3 x 4 pixels: down the columns 3 unset, 2 set, 1 unset, 2 set, 4 unset.
BOX = {"size": [3, 4], "counts": [3, 2, 1, 2, 4]}
OUTLINE = [1, 0, 3, 0, 3, 2, 1, 2]
MISSING = object()


@dataclass(frozen=True)
class Readers:
    """A video of two frames with one object, as the three readers see it."""

    data: Data

    def write(self, *segmentations: Any, **video: Any) -> None:
        changed = {"id": 1, "height": 3, "width": 4, "length": 2, "file_names": ["a/0.png", "a/1.png"], **video}
        self.data.write(
            {
                "videos": [{key: value for key, value in changed.items() if value is not MISSING}],
                "categories": [{"id": 7, "name": "cat"}],
                "annotations": [{"id": 1, "video_id": 1, "category_id": 7, "segmentations": segmentations}],
            }
        )

    def train(self) -> Split:
        return read_split(self.data.annotations, self.data.frames)

    def evaluate(self, *segmentations: Any) -> Evaluation:
        predictions = self.data.folder / "predictions.json"
        entry = {"video_id": 1, "category_id": 7, "score": 0.5, "segmentations": segmentations}
        predictions.write_text(json.dumps([entry]))
        return evaluate_files(self.data.annotations, predictions)

    def errors(self) -> list[str]:
        found = self.data.check().findings.found
        return [f"{one.where}: {one.detail}" for one in found if one.kind.severity == "error"]

    def refusal(self) -> str | None:
        """What all three say of a file that none reads; None when all do."""
        messages = []
        for read in (self.train, lambda: self.evaluate(BOX, None)):
            try:
                read()
                messages.append(None)
            except UserError as error:
                messages.append(str(error))
        errors = self.errors()
        assert {message is None for message in messages} == {not errors}, (messages, errors)
        if errors:
            assert messages[0] == f"{self.data.annotations}: {errors[0]}"
        return messages[0]


@pytest.fixture(scope="module")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Readers:
    data = Data(tmp_path_factory.mktemp("alike"))
    (data.frames / "a").mkdir(parents=True)
    for name in ("0.png", "1.png"):
        Image.new("RGB", (4, 3)).save(data.frames / "a" / name)
    return Readers(data)


@pytest.mark.parametrize("length", [MISSING, 2, 2.0])
def test_the_names_give_the_length_that_a_file_may_repeat(readers: Readers, length: Any) -> None:
    readers.write(BOX, BOX, length=length)
    assert readers.refusal() is None
    assert len(readers.train().videos[0].frame_paths) == 2
    assert readers.evaluate(BOX, BOX).scores.ap == pytest.approx(1)


@pytest.mark.parametrize("length", [0, 1, 3, -2, 2.5, 1e300, float("nan"), float("inf"), 10**400, "2", None, True, [2]])
def test_another_length_than_that_of_the_names_is_refused(readers: Readers, length: Any) -> None:
    readers.write(BOX, BOX, length=length)
    assert f"video 1 (a): 2 file names for a `length` of {rle.short(length)}" in (readers.refusal() or "")


@pytest.mark.parametrize("length", [MISSING, True, 0, 0.5, "1"])
def test_without_names_evaluation_alone_reads_and_needs_a_length(readers: Readers, length: Any) -> None:
    readers.write(BOX, length=1.0, file_names=MISSING)
    assert readers.evaluate(BOX).scores.ap == pytest.approx(1)
    assert readers.errors() == ["video 1: the key `file_names` is missing"]
    readers.write(BOX, length=length, file_names=MISSING)
    with pytest.raises(UserError, match="video 1: `length` must be a whole number of at least 1, but is "):
        readers.evaluate(BOX)


@pytest.mark.parametrize("absent", [None, [], {}, "", 0])
def test_an_absent_object_may_have_any_empty_value(readers: Readers, absent: Any) -> None:
    readers.write(BOX, absent)
    assert readers.refusal() is None
    assert readers.train().instances[0][0].segmentations[1] is None
    # The object is one box; of the prediction's two boxes one is right: IoU 4 / 8 passes the first of ten thresholds.
    assert readers.evaluate(BOX, BOX).scores.ap == pytest.approx(0.1)
    assert readers.evaluate(BOX, absent).scores.ap == pytest.approx(1)
    assert [one.kind.label for one in readers.data.check().findings.found] == []


@pytest.mark.parametrize("lines", [[[0, 0, 3, 2]], [[]], [[1, 1], [], [0, 0, 3, 2]], [["x", None]]])
def test_lines_beside_a_polygon_are_left_out(readers: Readers, lines: list[Any]) -> None:
    readers.write([OUTLINE, *lines], [*lines, OUTLINE])
    assert readers.refusal() is None
    box = rle.normalise(BOX, 3, 4)
    assert readers.train().instances[0][0].segmentations == (box, box)
    assert readers.evaluate(BOX, [OUTLINE, *lines]).scores.ap == pytest.approx(1)


@pytest.mark.parametrize("lines", [[[0, 0, 3, 2]], [[]], [[1, 1], []]])
def test_lines_alone_are_no_mask(readers: Readers, lines: list[Any]) -> None:
    readers.write(BOX, lines)
    fault = "annotation 1 of video 1 (a), frame 1: a polygon needs at least three x, y pairs"
    assert readers.refusal() == f"{readers.data.annotations}: {fault}"


RUNS = st.lists(st.integers(-1, 13), max_size=4) | st.text("/01P`oOp~", max_size=6)
CODES = RUNS.map(lambda counts: {"size": [3, 4], "counts": counts})
OUTLINES = st.lists(st.lists(st.integers(-9, 14) | st.floats(-9, 14), max_size=9), max_size=3)
MASKS = st.sampled_from(EXTREMES) | CODES | OUTLINES


@settings(max_examples=150, deadline=None)
@given(MASKS, st.sampled_from([MISSING, 2, 2.0, *EXTREMES]))
def test_whatever_stands_in_a_file_all_agree(readers: Readers, segmentation: Any, length: Any) -> None:
    readers.write(BOX, segmentation, length=length)
    readers.refusal()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["id", "height", "width"]), st.sampled_from([MISSING, *EXTREMES]))
def test_of_other_videos_too(readers: Readers, key: str, value: Any) -> None:
    readers.write(BOX, None, **{key: value})
    readers.refusal()
