"""The archive for a server: what is in it, and what is refused before an upload is wasted."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from distributed_layouts import published, uncompressed, write_layout
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import files_in, vita

from vita.core.contract import UserError
from vita.core.files import sha256
from vita.data.masks import rle
from vita.evaluation.readers.ground_truth import VideoSize
from vita.evaluation.submission import write_submission

VIDEOS = {1: VideoSize(4, 6, 2), 3: VideoSize(5, 5, 1)}
CATEGORIES = (2, 40)
BLOB = np.zeros((1, 4, 6), bool)
BLOB[0, 1:3, 2:5] = True
CODE = rle.encode(BLOB)[0]
TRACK = {"video_id": 1, "category_id": 40, "score": 0.75, "segmentations": [CODE, None]}


def submit(tmp_path: Path, entries: Any) -> Path:
    (tmp_path / "intact.json").write_text(json.dumps(entries))
    write_submission(tmp_path / "intact.json", VIDEOS, CATEGORIES, tmp_path / "out" / "results.zip")
    return tmp_path / "out" / "results.zip"


def content(archive: Path) -> Any:
    with zipfile.ZipFile(archive) as opened:
        assert opened.namelist() == ["results.json"]
        assert opened.infolist()[0].compress_type == zipfile.ZIP_DEFLATED
        return json.loads(opened.read("results.json"))


def test_entries_are_those_of_the_predictions_without_what_is_ours(tmp_path: Path) -> None:
    other = TRACK | {"video_id": 3, "category_id": 2, "score": 0, "segmentations": [None]}
    assert content(submit(tmp_path, [TRACK | {"remark": "x"}, other])) == [TRACK, other]


def test_every_form_of_mask_becomes_a_compressed_code(tmp_path: Path) -> None:
    """The blob: rows 1 and 2 of columns 2 to 4."""
    outline = [[2.0, 1.0, 5.0, 1.0, 5.0, 3.0, 2.0, 3.0]]
    masks = [uncompressed(CODE), outline]
    assert content(submit(tmp_path, [TRACK | {"segmentations": masks}]))[0]["segmentations"] == [CODE, CODE]


@pytest.mark.parametrize("absent", [[], {}, "", 0])
def test_empty_values_of_absent_objects_become_null(tmp_path: Path, absent: Any) -> None:
    assert content(submit(tmp_path, [TRACK | {"segmentations": [CODE, absent]}])) == [TRACK]


def test_the_same_predictions_are_the_same_bytes(tmp_path: Path) -> None:
    first = submit(tmp_path, [TRACK]).read_bytes()
    assert submit(tmp_path, [TRACK]).read_bytes() == first
    assert submit(tmp_path, [TRACK, TRACK]).read_bytes() != first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video_id": 2}, r"prediction 1: video 2 is not one of the 2 .*`vita predict --split released_valid`"),
        ({"video_id": "1"}, r"prediction 1: `video_id` must be a whole number"),
        ({"category_id": 1}, r"prediction 1: category 1 is unknown; the data set has \[2, 40\]"),
        ({"score": float("nan")}, r"prediction 1: `score` must be a finite number, not nan"),
        ({"score": True}, r"`score` must be a finite number"),
        ({"segmentations": [CODE]}, r"prediction 1, of video 1: `segmentations` must be a list of 2, .*, not 1"),
        ({"segmentations": None}, r"`segmentations` must be a list of 2, one a frame, not NoneType"),
        ({"video_id": 3, "segmentations": [CODE]}, r"of video 3, frame 0 .*mask of size \[4, 6\] in a video of size"),
        ({"segmentations": [None, {"size": [4, 6], "counts": "99"}]}, r"prediction 1, of video 1, frame 1 .*run"),
        (
            {"segmentations": [None, {"size": [4, 6], "counts": [3, 30]}]},
            r"frame 1 .*add up to 33 pixels",
        ),
        ({"segmentations": [None, "mask"]}, r"frame 1 .*neither a run-length code"),
    ],
)
def test_what_a_server_would_reject_is_named_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=rf"intact\.json: .*{message}|{message}"):
        submit(tmp_path, [TRACK, TRACK | changes])
    assert files_in(tmp_path) == ["intact.json"]


@pytest.mark.parametrize("entries", [[], {}, None, "tracks"])
def test_no_tracks(tmp_path: Path, entries: Any) -> None:
    with pytest.raises(UserError, match="must be a list of tracks, at least one"):
        submit(tmp_path, entries)


@pytest.mark.parametrize("key", TRACK)
def test_a_missing_key(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match=rf"prediction 0: key `{key}` is missing"):
        submit(tmp_path, [{name: value for name, value in TRACK.items() if name != key}])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["size", "counts", "x"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(list(TRACK)), JSON))
def test_anything_else_is_refused_with_a_message(tmp_path_factory: pytest.TempPathFactory, changes: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        kept = content(submit(folder, [TRACK | changes]))
    except UserError:
        assert not (folder / "out" / "results.zip").exists()
    else:
        assert set(kept[0]) == set(TRACK)


def test_the_command_takes_the_released_videos_of_a_data_set(tmp_path: Path) -> None:
    write_layout("ytvis_2021", tmp_path / "data")
    dataset = published("ytvis_2021").model_copy(update={"root": str(tmp_path / "data"), "limit_videos": 1})
    (tmp_path / "data.yaml").write_text(yaml.safe_dump(dataset.model_dump(mode="json")))
    track = {"video_id": 2, "category_id": 26, "score": 0.5, "segmentations": [None] * 6}
    (tmp_path / "intact.json").write_text(json.dumps([track]))
    options = ("--dataset", tmp_path / "data.yaml", "--pred", tmp_path / "intact.json", "--out")

    ended = vita("submit", *options, tmp_path / "results.zip")
    assert ended.code == 0, ended.errors
    digest = sha256(tmp_path / "results.zip")
    assert f"1 tracks of 2 videos, 1 videos without a track (1); SHA-256 {digest}" in ended.out
    assert content(tmp_path / "results.zip") == [track]
    assert "an archive whose name ends with .zip" in vita("submit", *options, tmp_path / "results.json").message
