"""Vocabularies of tens of thousands of categories, of which data show a few: memory follows what is there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, prediction, video
from hypothesis import given, settings
from hypothesis import strategies as st

from vita.evaluation.bootstrap import bootstrap
from vita.evaluation.readers.ground_truth import parse_ground_truth
from vita.evaluation.scoring import Evaluation, evaluate

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]
CATEGORIES = 51_248
SHOWN = (7, 40_000)
# A command on the files of argv[2:], after one on small files, so that compiled code does not count. Prints by how
# many bytes the process then grew at most.
MEASURE = """
import sys
from pathlib import Path
from vita.evaluation.evaluate_file import EvaluationOptions, evaluate_file
from vita.evaluation.frames.frame_ap import evaluate_frames
from vita.evaluation.frames.frame_detections import read_frame_detections
from vita.evaluation.readers.ground_truth import load_ground_truth

def most():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024

def score(truth, predictions):
    if sys.argv[1] == "frames":
        whole = load_ground_truth(Path(truth))
        evaluate_frames(whole, read_frame_detections(Path(predictions), whole, frozenset(whole.videos)))
    else:
        evaluate_file(EvaluationOptions(20, 0, breakdown=True), Path(truth), Path(predictions), None, None)

score(*sys.argv[2:4])
before = most()
score(*sys.argv[4:])
print(most() - before)
"""


def scored(categories: tuple[int, ...], predicted: int) -> Evaluation:
    """Two objects of two categories, one of them found; a prediction of a third category comes first."""
    objects = [annotation(key, codes([LEFT, RIGHT]), category_id=key) for key in (1, 2)]
    found = [prediction(codes([LEFT, RIGHT]), 0.9, category_id=key) for key in (1, predicted)]
    return evaluate(parse_ground_truth(ground_truth(objects, categories=categories), "gt"), found)


@settings(max_examples=20)
@given(others=st.sets(st.integers(4, 60), max_size=20))
def test_categories_without_an_object_change_no_score(others: set[int]) -> None:
    few, many = scored((1, 2, 3), 3), scored((1, 2, 3, *others), 3)
    assert many.scores == few.scores and many.scores.ap == pytest.approx(1 / 2)
    assert bootstrap(many.counts, 10) == bootstrap(few.counts, 10)
    assert {key: ap for key, ap in many.per_category_ap.items() if key < 4} == {1: pytest.approx(1), 2: 0, 3: -1}


def test_curves_of_all_categories_are_those_of_the_official_evaluator() -> None:
    found = scored((9, 1, 5, 2), 5)  # ids ascend: 1, 2, 5, 9
    assert (found.precision().shape, found.recall().shape) == ((10, 101, 4, 4, 3), (10, 4, 4, 3))
    assert found.curves.category_ids == (1, 2)
    assert found.recall()[0, :, 0, -1].tolist() == [1, 0, -1, -1]
    assert found.precision()[0, 0, :, 0, -1].tolist() == pytest.approx([1, 0, -1, -1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads what Linux tells of a process")
@pytest.mark.parametrize("what", ["tracks", "frames"])
def test_memory_follows_the_categories_that_are_there(what: str, tmp_path: Path) -> None:
    files = []
    for count in (2, CATEGORIES):
        shown = [min(key, count) for key in SHOWN] if count > 2 else [1, 2]
        objects = [annotation(key, codes([LEFT, RIGHT]), category_id=key) for key in shown]
        truth = ground_truth(objects, [video(1)], range(1, count + 1))
        tracks = [prediction(codes([LEFT, RIGHT]), 0.9, category_id=key) for key in shown]
        frames = [
            {"video_id": 1, "frame_index": 0, "label": key - 1, "score": 0.5, "segmentation": code(LEFT)}
            for key in shown
        ]
        for name, content in (("gt", truth), ("pred", tracks if what == "tracks" else frames)):
            files.append(tmp_path / f"{name}_{count}.json")
            files[-1].write_text(json.dumps(content))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, what, *map(str, files)], capture_output=True, text=True, check=True
    )
    # Names, ids and a number each. Curves of all would take 97 kB a category: 5 GB.
    assert int(done.stdout) < CATEGORIES * 2_000
