"""Parts of data sets as annotation files of their own: the same objects, in one form, for other code bases."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import coco_files
import pytest
import yaml
from pycocotools import mask as coco_mask
from tiny_run import Ended, vita

Content = dict[str, Any]
PLACES = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}


@pytest.fixture
def root(shapes_root: Path, tmp_path: Path) -> Path:
    """Four training videos and two of `valid`."""
    return Path(shutil.copytree(shapes_root, tmp_path / "data"))


def export(content: Content, folder: Path, part: str) -> Ended:
    (folder / "mine.yaml").write_text(yaml.safe_dump(content))
    return vita("data", "export", "--dataset", folder / "mine.yaml", "--part", part, "--out", folder / "out", "--json")


def exported(content: Content, folder: Path, part: str) -> tuple[Content, Content]:
    """What the command tells, and what it wrote."""
    ended = export(content, folder, part)
    assert ended.code == 0, ended.errors
    told = json.loads(ended.out)
    return told, json.loads(Path(told["annotations"]).read_text())


def test_a_whole_part_keeps_all_that_its_file_says(root: Path, tmp_path: Path) -> None:
    source = json.loads((root / "valid" / "instances.json").read_text())
    source["info"] = {"year": 2022}
    for entry in source["annotations"]:
        entry["occlusion"] = ["slight_occlusion"] * len(entry["segmentations"])
    (root / "valid" / "instances.json").write_text(json.dumps(source))
    told, written = exported({"name": "mine", "root": str(root), **PLACES}, tmp_path, "valid")
    assert written == source  # which has compressed codes and their boxes already
    assert (told["dataset"], told["part"], told["format"], told["local_split"]) == ("mine", "valid", "ytvis", False)
    assert told["frames"] == str(root / "valid" / "JPEGImages") and told["videos"] == 2
    assert told["categories"] == {"1": "disc", "2": "square", "3": "triangle"}


def test_masks_of_any_form_become_compressed_codes_with_their_boxes(root: Path, tmp_path: Path) -> None:
    """A rectangle of columns 2 to 9 and rows 4 to 9, once as a polygon and once as plain runs of a frame 32 high."""
    path = root / "valid" / "instances.json"
    source = json.loads(path.read_text())
    entry, frames = source["annotations"][0], len(source["videos"][0]["file_names"])
    size = [32, 48]
    runs = [2 * 32 + 4] + 7 * [6, 26] + [6, 48 * 32 - (9 * 32 + 10)]
    polygon = [[2.0, 4.0, 10.0, 4.0, 10.0, 10.0, 2.0, 10.0]]
    entry["segmentations"] = [polygon, {"size": size, "counts": runs}, *[None] * (frames - 2)]
    del entry["bboxes"]
    path.write_text(json.dumps(source))
    _, written = exported({"name": "mine", "root": str(root), **PLACES}, tmp_path, "valid")
    found = written["annotations"][0]
    assert found["bboxes"] == [[2.0, 4.0, 8.0, 6.0]] * 2 + [None] * (frames - 2)
    assert found["segmentations"][0] == found["segmentations"][1] and found["segmentations"][2] is None
    assert coco_mask.decode(found["segmentations"][0]).sum() == 8 * 6
    others = source["annotations"][1:]
    assert written["annotations"][1:] == others


def test_a_local_split_is_two_parts_of_train_and_released_train_is_both(root: Path, tmp_path: Path) -> None:
    local = {"file": str(tmp_path / "split.json"), "valid_share": 0.5, "seed": 3}
    content = {"name": "mine", "root": str(root), **PLACES, "validate_on": "local_split", "local_split": local}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content))
    assert vita("data", "split", "--dataset", tmp_path / "mine.yaml").code == 0
    split = json.loads((tmp_path / "split.json").read_text())
    source = json.loads((root / "train" / "instances.json").read_text())
    for part in ("train", "valid"):
        told, written = exported(content, tmp_path, part)
        assert told["local_split"] and [video["id"] for video in written["videos"]] == split[part]
        assert {entry["video_id"] for entry in written["annotations"]} == set(split[part])
    told, written = exported(content, tmp_path, "released_train")
    assert written == source and not told["local_split"]


def test_what_was_written_of_the_same_data_stays_and_changed_data_is_another_file(root: Path, tmp_path: Path) -> None:
    content = {"name": "mine", "root": str(root), **PLACES}
    first = Path(exported(content, tmp_path, "valid")[0]["annotations"])
    marked = first.read_text() + " "
    first.write_text(marked)
    assert Path(exported(content, tmp_path, "valid")[0]["annotations"]).read_text() == marked
    assert exported(content | {"limit_videos": 1}, tmp_path, "valid")[0]["annotations"] != str(first)
    source = json.loads((root / "valid" / "instances.json").read_text())
    (root / "valid" / "instances.json").write_text(json.dumps({**source, "annotations": source["annotations"][1:]}))
    assert exported(content, tmp_path, "valid")[0]["annotations"] != str(first)


def test_videos_without_labels(root: Path, tmp_path: Path) -> None:
    source = json.loads((root / "valid" / "instances.json").read_text())
    del source["annotations"]
    (root / "valid" / "instances.json").write_text(json.dumps(source))
    assert exported({"name": "mine", "root": str(root), **PLACES}, tmp_path, "released_valid")[1] == source


def test_images_keep_their_polygons_and_gain_boxes(tmp_path: Path) -> None:
    """The person of image 5 has two outlines, from (2, 3) to (8, 9) and from (10, 3) to (12, 9)."""
    coco_files.write(tmp_path / "data")
    places = {"annotations": "annotations/instances_train2017.json", "frames": "train2017"}
    content = {"name": "c", "root": str(tmp_path / "data"), "format": "coco", "train": places, "valid": places}
    told, written = exported(content, tmp_path, "train")
    source = coco_files.document()
    assert told["format"] == "coco" and told["categories"] == {"1": "person", "3": "car", "17": "cat"}
    assert written["images"] == source["images"]
    boxes = {entry.pop("id"): entry.pop("bbox") for entry in written["annotations"]}
    assert [{key: one[key] for key in one if key != "id"} for one in source["annotations"]] == written["annotations"]
    # The crowd on image 5 is 40 pixels from number 100 on, in columns of 20: the whole columns 5 and 6.
    assert boxes == {70: [2, 3, 10, 6], 71: [1, 1, 8, 10], 60: [5, 0, 2, 20], 72: [4.5, 12, 10, 8]}


def test_objects_that_another_data_set_has_no_word_for_are_left_out(tmp_path: Path, root: Path) -> None:
    coco_files.write(tmp_path / "data")
    places = {"annotations": "annotations/instances_train2017.json", "frames": "train2017"}
    content = {"name": "coco", "root": str(tmp_path / "data"), "format": "coco", "train": places, "valid": places}
    target = {"name": "ytvis_2019", "root": str(root), **PLACES}
    (tmp_path / "coco.yaml").write_text(yaml.safe_dump(content))
    options = ("--part", "train", "--out", tmp_path / "out", "--mapped-to", tmp_path / "target.yaml", "--json")
    asked = ("data", "export", "--dataset", tmp_path / "coco.yaml", *options)

    (tmp_path / "target.yaml").write_text(yaml.safe_dump(target))
    assert "data set 'ytvis_2019': its category_map is of no data set; add one of 'coco'" in vita(*asked).message
    target["category_map"] = {"coco": {"person": "human", "cat": "cat"}}
    (tmp_path / "target.yaml").write_text(yaml.safe_dump(target))
    told = json.loads(vita(*asked).out)
    written = json.loads(Path(told["annotations"]).read_text())
    assert told["mapped_to"] == "ytvis_2019" and told["categories"] == {"1": "person", "3": "car", "17": "cat"}
    assert [entry["id"] for entry in written["annotations"]] == [70, 71, 60]  # the car is gone
    assert written["images"] == coco_files.document()["images"] and written["categories"] == coco_files.CATEGORIES


def test_an_unknown_part_is_refused(root: Path, tmp_path: Path) -> None:
    message = export({"name": "mine", "root": str(root), **PLACES}, tmp_path, "test").message
    assert message == "--part is 'test'; allowed are train, valid, released_train, released_valid"
    assert not (tmp_path / "out").exists()
