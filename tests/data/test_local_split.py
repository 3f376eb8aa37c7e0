"""The file that divides `train`, from the command that writes it to the reader that obeys it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_run import Ended, vita

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.files import sha256
from vita.data.dataset import read_part
from vita.data.local_split import LocalSplit, make_local_split, read_local_split

Content = dict[str, Any]


@pytest.fixture
def content(shapes_root: Path, tmp_path: Path) -> Content:
    """A data set of four training videos whose labels of `valid` are not used."""
    splits = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}
    local = {"file": str(tmp_path / "split.json"), "valid_share": 0.5, "seed": 3}
    return {"name": "mine", "root": str(shapes_root), **splits, "validate_on": "local_split", "local_split": local}


def write(content: Content, tmp_path: Path, *options: object) -> Ended:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return vita("data", "split", "--dataset", path, *options)


def test_the_command_writes_what_the_reader_obeys(content: Content, tmp_path: Path) -> None:
    ended = write(content, tmp_path)
    assert ended.code == 0, ended.errors
    assert "2 videos to learn from, 2 to be scored on" in ended.out
    annotations = Path(content["root"]) / "train" / "instances.json"
    split = read_local_split(tmp_path / "split.json", annotations)
    assert (split.dataset, split.seed, split.valid_share) == ("mine", 3, 0.5)
    assert split.annotations_sha256 == sha256(annotations)
    assert sorted(split.train + split.valid) == [1, 2, 3, 4]

    dataset = parse(DatasetConfig, content, "mine")
    assert tuple(video.id for video in read_part(dataset, "train").videos) == split.train
    valid = read_part(dataset, "valid")
    assert tuple(video.id for video in valid.videos) == split.valid
    assert valid.videos[0].frame_paths[0].is_relative_to(Path(content["root"]) / "train")
    assert len(read_part(dataset, "released_valid").videos) == 2  # the release's own, whatever is scored here


def test_options_take_the_place_of_the_yaml(content: Content, tmp_path: Path) -> None:
    del content["local_split"], content["validate_on"]
    assert "key 'file' is missing" in write(content, tmp_path).message
    out = tmp_path / "other.json"
    assert write(content, tmp_path, "--out", out, "--seed", 8, "--valid-share", 0.25).code == 0
    split = parse(LocalSplit, json.loads(out.read_text()), "other")
    assert (split.seed, split.valid_share) == (8, 0.25)
    before = out.read_bytes()
    assert write(content, tmp_path, "--out", out, "--seed", 8, "--valid-share", 0.25).code == 0
    assert out.read_bytes() == before


def test_a_list_of_other_labels_is_refused(content: Content, tmp_path: Path, shapes_root: Path) -> None:
    write(content, tmp_path)
    other = tmp_path / "instances.json"
    other.write_text((shapes_root / "train" / "instances.json").read_text() + " ")
    with pytest.raises(UserError, match=r"split\.json: made from another annotation file .*`vita data split`"):
        read_local_split(tmp_path / "split.json", other)


@pytest.mark.parametrize(("key", "value"), [("seed", 4), ("valid_share", 0.25)])
def test_a_list_made_otherwise_than_the_tables_say_is_refused(
    content: Content, tmp_path: Path, key: str, value: float
) -> None:
    write(content, tmp_path)
    content["local_split"][key] = value
    with pytest.raises(UserError, match=r"split\.json: made with seed 3 and a share of 0\.5, but the data set 'mine'"):
        read_part(parse(DatasetConfig, content, "mine"), "valid")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": [1, 2], "valid": [2]}, "video 2 is in both parts"),
        ({"train": [1, "two"]}, "key 'train.1'"),
        ({"sead": 3}, "unknown key 'sead'"),
    ],
)
def test_a_damaged_list_is_named(
    content: Content, tmp_path: Path, shapes_root: Path, changes: Content, message: str
) -> None:
    write(content, tmp_path)
    path = tmp_path / "split.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=rf"split\.json: .*{message}"):
        read_local_split(path, shapes_root / "train" / "instances.json")


def test_categories_of_one_part_are_told(tmp_path: Path) -> None:
    """Category 9 has one video, which is learned from; a video without objects counts too."""
    objects = [(1, 4), (2, 4), (3, 9)]
    document = {
        "videos": [{"id": number} for number in (1, 2, 3, 4)],
        "annotations": [{"video_id": video, "category_id": name} for video, name in objects],
    }
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    split = make_local_split("mine", path, 0.3, seed=0)
    assert split.categories_in_one_part == (9,)
    assert 3 in split.train
    assert "categories in one part only: 9" in split.summary()


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "`videos` must be a list"),
        ({"videos": [{"id": 1}, {"id": 2}]}, "`annotations` must be a list; only videos with published labels"),
        ({"videos": [{"id": 1}], "annotations": []}, "1 videos cannot be divided"),
        ({"videos": [{"id": 1}, {}], "annotations": []}, "`videos` entry 1: `id` must be a whole number"),
        ({"videos": [{"id": 1}, 5], "annotations": []}, "`videos` entry 1: `id` must be"),
        ({"videos": [{"id": 1}], "annotations": [{"video_id": 1, "category_id": [2]}]}, "entry 0: `category_id` must"),
        ({"videos": [{"id": 1}], "annotations": [{"video_id": 7, "category_id": 2}]}, "an annotation is of video 7"),
    ],
)
def test_labels_that_cannot_be_divided_are_named(tmp_path: Path, document: Any, message: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=rf"labels\.json: .*{message}"):
        make_local_split("mine", path, 0.3, seed=0)
