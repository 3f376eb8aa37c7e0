import json
import threading
from pathlib import Path
from typing import Any

import pytest
from evaluation_scenes import code
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from vita.core.contract import UserError
from vita.data.masks.encoded_masks import CodedMasks
from vita.evaluation.readers import annotation_file, parallel_parse, results_file
from vita.evaluation.readers.annotation_file import read_annotations
from vita.evaluation.readers.results_file import read_tracks

MASK = code([[1, 1, 0, 0], [1, 0, 0, 0]])
# Of long runs: codes of several characters, some of which JSON escapes.
BACKSLASH = code([[0] * 44 + [1] * 6])
TRACK = {"video_id": 1, "score": 0.5, "category_id": 2, "segmentations": [MASK, None]}


@pytest.fixture(autouse=True, params=[1 << 20, 40])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is, and so small that every track is cut."""
    monkeypatch.setattr(results_file, "PIECE", request.param)
    monkeypatch.setattr(annotation_file, "PIECE", request.param)


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "pred.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def as_in_the_file(entry: Any) -> Any:
    """With masks as a file writes them."""
    if isinstance(entry, dict) and isinstance(entry.get("segmentations"), CodedMasks):
        return {**entry, "segmentations": entry["segmentations"].segmentations()}
    return entry


def compressed(entry: Any) -> Any:
    """With lists of counts compressed by pycocotools, where all masks of a track are in order."""
    masks = [mask and {"size": mask["size"], "counts": _code(mask)} for mask in entry["segmentations"]]
    return {**entry, "segmentations": masks}


def _code(mask: dict[str, Any]) -> str:
    if isinstance(mask["counts"], str):
        return mask["counts"]
    return coco_mask.frPyObjects(mask, *mask["size"])["counts"].decode()


@st.composite
def masks_in_order(draw: st.DrawFn) -> list[dict[str, Any] | None]:
    """Of one size, compressed or not, or null."""
    runs = st.lists(st.one_of(st.integers(0, 40), st.integers(0, 10**6)), min_size=1, max_size=6)
    pixels = 3 * 10**6
    masks: list[dict[str, Any] | None] = []
    for counts in draw(st.lists(st.one_of(st.none(), runs), max_size=4)):
        if counts is None or sum(counts) > pixels:
            masks.append(None)
            continue
        mask = {"size": [1000, 3000], "counts": [*counts, pixels - sum(counts)]}
        masks.append({**mask, "counts": _code(mask)} if draw(st.booleans()) else mask)
    return masks


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)
formats = st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}, {"ensure_ascii": False}])


@given(
    st.lists(st.builds(dict, masks_in_order().map(lambda m: ("segmentations", m)).map(lambda p: [p])), max_size=3),
    formats,
)
@settings(max_examples=60, deadline=None)
def test_masks_in_order_are_taken_out_as_codes(
    tmp_path_factory: Any, entries: list[Any], style: dict[str, Any]
) -> None:
    path = written(tmp_path_factory.mktemp("read"), json.dumps(entries, **style))
    found = list(read_tracks(path))
    assert all(isinstance(entry["segmentations"], CodedMasks) for entry in found)
    assert [as_in_the_file(entry) for entry in found] == [compressed(entry) for entry in entries]


@given(
    st.lists(st.one_of(anything, st.fixed_dictionaries({"segmentations": anything, "id": anything})), max_size=4),
    formats,
)
@settings(max_examples=80, deadline=None)
def test_anything_else_is_read_as_it_is(tmp_path_factory: Any, entries: list[Any], style: dict[str, Any]) -> None:
    path = written(tmp_path_factory.mktemp("read"), json.dumps(entries, **style))
    assert [as_in_the_file(entry) for entry in read_tracks(path)] == json.loads(path.read_text())


@pytest.mark.parametrize(
    "masks",
    [
        [MASK, BACKSLASH],  # of two sizes
        [{**MASK, "counts": ""}],
        [{**MASK, "counts": "~"}],
        [{**MASK, "counts": "é"}],
        [{**MASK, "counts": [1, 2]}],
        [{**MASK, "counts": [9, -1]}],
        [{**MASK, "counts": [8.0]}],
        [{**MASK, "counts": [10**30]}],
        [{"size": [2, 4]}],
        [{"counts": MASK["counts"]}],
        [{**MASK, "more": 1}],
        [{"size": [2, 4, 1], "counts": MASK["counts"]}],
        [{"size": [0, 4], "counts": MASK["counts"]}],
        [[[2, 1, 6, 1, 6, 4]]],
        [True],
        [0],
        0,
        {},
    ],
)
def test_what_is_out_of_order_is_left_to_the_reader(tmp_path: Path, masks: Any) -> None:
    entries = [TRACK, {**TRACK, "segmentations": masks}, {**TRACK, "segmentations": [BACKSLASH]}]
    found = list(read_tracks(written(tmp_path, json.dumps(entries))))
    assert [as_in_the_file(entry) for entry in found] == entries
    assert [isinstance(entry["segmentations"], CodedMasks) for entry in found] == [True, False, True]


@pytest.mark.parametrize(
    "text",
    [
        '[{"segmentations": [null], "segmentations": [null, null]}]',
        '[{"segmentations": [null], "segment\\u0061tions": []}]',
        '[{"segmentations": [{"size": [9, 9], "size": [2, 4], "counts": "13o1"}]}]',
        '[{"other": {"segmentations": [null]}, "text": "}],[{"}]',
        '[{"text": "\\\\", "segmentations": [] }\n,\t{"a": "\\"]"} , 3, [], {} ]\n',
        "[]",
        " [ ] ",
        "\ufeff[{}]",
        "\ufeff \n []",
    ],
)
def test_odd_but_valid_json(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    assert [as_in_the_file(entry) for entry in read_tracks(path)] == json.loads(text.removeprefix("\ufeff"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a list"),
        ("   ", "must be a list"),
        ('{"a": 1}', "must be a list"),
        (b"\xff\xfe[\x00]\x00", "must be a list"),
        ("[", "breaks off at prediction 0"),
        ("[{}", "breaks off at prediction 0"),
        ("[{},", "breaks off at prediction 1"),
        ("[{},]", "breaks off at prediction 1"),
        ("[{} {}]", "breaks off at prediction 0"),
        ("[,{}]", "breaks off at prediction 0"),
        ('[{"a": "]', "breaks off at prediction 0"),
        ('[{"a": [}, {"b": ]}]', "breaks off at prediction 0|prediction 0 is not valid JSON"),
        ("[{}] {}", "something follows the list"),
        ("[{}]]", "something follows the list"),
        ("[] x", "something follows the list"),
        ('[{}, {"a" 1}]', "prediction 1 is not valid JSON"),
        ('[{}, {"a": tru}]', "prediction 1 is not valid JSON"),
        ('[{}, {"a": 01}]', "prediction 1 is not valid JSON"),
        (b'[{}, {"a": "\xff"}]', "prediction 1 is not valid JSON"),
        ('[{}, {"segmentations": [null,]}]', "prediction 1 is not valid JSON"),
        ('[{}, {"segmentations": [null] "a": 1}]', "prediction 1 is not valid JSON"),
        ('[{}, {"segmentations": [{"size": [2 4], "counts": "13o1"}]}]', "prediction 1 is not valid JSON"),
        ('[{}, {"segmentations": [{"size": [2, 4], "counts": [08]}]}]', "prediction 1 is not valid JSON"),
        ('[{}, {"segmentations": [null], "a": [}}]', "prediction 1 is not valid JSON"),
        ("[{}, " + "[" * 100_000 + "]" * 100_000 + "]", "prediction 1 is nested too deeply"),
        ("[{}, " + "9" * 5000 + "]", "prediction 1 is not valid JSON"),
    ],
)  # fmt: skip
def test_what_is_no_json_is_named(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        list(read_tracks(written(tmp_path, text)))


def test_a_folder_and_a_missing_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pred\.json: no such file"):
        list(read_tracks(tmp_path / "pred.json"))
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        list(read_tracks(tmp_path))


def test_long_white_space(tmp_path: Path) -> None:
    spaces = " \n\t\r" * 25
    text = spaces.join(["", "[", json.dumps(TRACK), ",", "{}", "]", ""])
    assert [as_in_the_file(entry) for entry in read_tracks(written(tmp_path, text))] == [TRACK, {}]
    assert list(read_tracks(written(tmp_path, spaces.join(["", "[", "]", ""])))) == []
    with pytest.raises(UserError, match="something follows"):
        list(read_tracks(written(tmp_path, spaces.join(["", "[", "]", "x"]))))


def test_a_reading_that_is_given_up_waits_for_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector may end it in the midst of a thread's start, where a wait for a thread never ends."""
    held, parse = threading.Event(), parallel_parse._parse

    def parse_first_only(piece: parallel_parse.Piece, source: str) -> list[Any]:
        if piece.first > 0:
            held.wait(30)
        return parse(piece, source)

    monkeypatch.setattr(parallel_parse, "_parse", parse_first_only)
    monkeypatch.setattr(parallel_parse, "usable_cores", lambda: 1)
    monkeypatch.setattr(results_file, "PIECE", 40)
    tracks = read_tracks(written(tmp_path, json.dumps([{"a": number} for number in range(99)])))
    assert next(tracks) == {"a": 0}
    rescue = threading.Timer(10, held.set)
    rescue.start()
    tracks.close()
    assert not held.is_set()
    rescue.cancel()
    held.set()


def test_ground_truth_is_read_alike(tmp_path: Path) -> None:
    content = {"videos": [{"id": 1}], "annotations": [TRACK, TRACK, {"id": 3}], "info": {"annotations": []}}
    found = read_annotations(written(tmp_path, json.dumps(content)))
    assert isinstance(found["annotations"][1]["segmentations"], CodedMasks)
    assert {**found, "annotations": [as_in_the_file(entry) for entry in found["annotations"]]} == content


@pytest.mark.parametrize(
    "text",
    [
        "{}", "[]", "3", '{"annotations": 3}', '{"annotations": []}', '{"annotations": [1, null]}',
        '{"annotations": [1], "annotations": [2]}', '{"annotations": [1], "annotation\\u0073": [2]}',
        '{"a": {"annotations": [1]}, "annotations": null}', ' { "annotations" : [ ] , "a" : "}" } ',
    ],
)  # fmt: skip
def test_other_objects_are_read_alike(tmp_path: Path, text: str) -> None:
    assert read_annotations(written(tmp_path, text)) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", "{", '{"annotations": [', '{"annotations": [1}', '{"annotations": [1,]}', '{"annotations": [1]} x']
)
def test_ground_truth_that_is_no_json(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match=r"pred\.json: not valid JSON"):
        read_annotations(written(tmp_path, text))
