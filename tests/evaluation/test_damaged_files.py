"""Files with random damage: a message, or what a plain JSON reader makes of the same file. Never anything else."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, prediction, video
from hypothesis import given, settings
from hypothesis import strategies as st

from vita.core.contract import UserError
from vita.evaluation.readers import annotation_file, results_file
from vita.evaluation.readers.ground_truth import parse_ground_truth
from vita.evaluation.scoring import Evaluation, evaluate, evaluate_files

LEFT, RIGHT = [[1, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, 0, 1], [0, 0, 1, 1]]
COUNTS = {"size": [2, 4], "counts": [0, 3, 5]}  # LEFT, not compressed
TRUTH = ground_truth(
    [
        annotation(1, [COUNTS, None], areas=[3, None], bboxes=[[0, 0, 2, 2], None]),
        annotation(2, codes([RIGHT, LEFT]), areas=[3, 3], iscrowd=1),
        annotation(3, [COUNTS, COUNTS], video_id=2, category_id=2, areas=[3.5, 3]),
    ],
    [video(1), video(2)],
    (1, 2),
)
PREDICTIONS = [
    prediction(codes([LEFT, None]), 0.9),
    prediction(codes([RIGHT, RIGHT]), 0.25, category_id=2),
    prediction([COUNTS, code(LEFT)], 0.5, video_id=2, category_id=2),
    prediction([None, None], 1, video_id=2),
]
CHARACTERS = b'"\\[]{},:0123456789-+.eEnul truefasNI\n\x00\xc3\xff~o'
Outcome = tuple[bytes, bytes] | None


@pytest.fixture(autouse=True)
def pieces_of_a_few_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results_file, "PIECE", 200)
    monkeypatch.setattr(annotation_file, "PIECE", 200)


def outcome(score: Callable[[], Evaluation]) -> Outcome:
    """The curves, to the last bit; None for a message."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of areas near the largest number
        try:
            found = score()
        except UserError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 500
            return None
    return found.precision().tobytes(), found.recall().tobytes()


def plainly(truth: bytes, predictions: bytes) -> Evaluation:
    try:
        content, entries = json.loads(truth.decode()), json.loads(predictions.decode())
    except (ValueError, RecursionError):
        raise UserError("not valid JSON") from None
    return evaluate(parse_ground_truth(content, "gt"), entries)


def check(folder: Path, truth: bytes, predictions: bytes) -> Outcome:
    gt, pred = folder / "gt.json", folder / "pred.json"
    gt.write_bytes(truth)
    pred.write_bytes(predictions)
    found = outcome(lambda: evaluate_files(gt, pred))
    assert found == outcome(lambda: plainly(truth, predictions)), (truth, predictions)
    return found


def damaged(content: bytes, generator: np.random.Generator) -> bytes:
    """With a digit changed, or one or two bytes changed, removed or inserted, a part removed or doubled, or cut off."""
    if generator.random() < 0.3:
        digits = [at for at, byte in enumerate(content) if chr(byte).isdigit()]
        at = generator.choice(digits)
        return content[:at] + str(generator.integers(10)).encode() + content[at + 1 :]
    for _ in range(generator.integers(1, 3)):
        at, other = sorted(generator.integers(0, len(content), 2))
        new = bytes([generator.choice(list(CHARACTERS))])
        variants = [
            content[:at] + new + content[at + 1 :],
            content[:at] + new + content[at:],
            content[:at] + content[at + 1 :],
            content[:at] + content[min(other, at + 30) :],
            content[:other] + content[at:],
            content[:other],
        ]
        content = variants[generator.choice(6, p=[0.5, 0.2, 0.2, 0.04, 0.04, 0.02])] or b" "
    return content


@pytest.mark.parametrize("which", ["truth", "predictions"])
def test_random_bytes(tmp_path: Path, which: str) -> None:
    generator = np.random.default_rng(0)
    truth, predictions = json.dumps(TRUTH).encode(), json.dumps(PREDICTIONS).encode()
    right = check(tmp_path, truth, predictions)
    outcomes = [
        check(tmp_path, damaged(truth, generator), predictions)
        if which == "truth"
        else check(tmp_path, truth, damaged(predictions, generator))
        for _ in range(400)
    ]
    # The damage is such that some files stay readable, and some of these score otherwise.
    readable = [found for found in outcomes if found is not None]
    assert 40 < len(readable) < 300
    assert any(found != right for found in readable)


numbers = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, 1, 2, 4, 10**30, -1, 10**400, 1e308, float("nan"), True])
)
values = st.recursive(
    st.one_of(st.none(), numbers, st.text(max_size=3), st.sampled_from([code(LEFT), COUNTS, "13o1", [2, 4]])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=7),
        st.dictionaries(st.sampled_from(["size", "counts", "id", "segmentations", "x"]), inner, max_size=3),
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Of all values within a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, inner in inside for place in places(inner, (*path, key)))]


def replaced(value: Any, place: tuple[Any, ...], new: Any) -> Any:
    if not place:
        return new
    copied: Any = dict(value) if isinstance(value, dict) else list(value)
    copied[place[0]] = replaced(value[place[0]], place[1:], new)
    return copied


@pytest.mark.parametrize("which", ["truth", "predictions"])
@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_values_of_another_kind(tmp_path_factory: pytest.TempPathFactory, which: str, data: st.DataObject) -> None:
    content: Any = TRUTH if which == "truth" else PREDICTIONS
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places(content)))
        content = replaced(content, place, data.draw(values))
    truth, predictions = (content, PREDICTIONS) if which == "truth" else (TRUTH, content)
    check(tmp_path_factory.mktemp("damaged"), json.dumps(truth).encode(), json.dumps(predictions).encode())


def test_numbers_beyond_all_bounds(tmp_path: Path) -> None:
    truth = json.dumps(TRUTH).encode()
    for score in ("1" + "0" * 400, "NaN", "-Infinity", "1e999"):
        predictions = json.dumps(PREDICTIONS).replace("0.9", score).encode()
        assert check(tmp_path, truth, predictions) is None
    for height in ("4000000000000", "1" + "0" * 30):
        enormous = json.dumps(TRUTH).replace('"height": 2', f'"height": {height}').encode()
        assert check(tmp_path, enormous, b"[]") is None
    far = json.dumps(TRUTH).replace('"video_id": 1', f'"video_id": {"1" * 400}').encode()
    assert far != truth
    assert check(tmp_path, far, b"[]") is None
