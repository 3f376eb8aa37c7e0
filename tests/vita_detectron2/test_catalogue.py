"""Our data sets in the catalogues of the real detectron2."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import coco_files
import numpy as np
import pytest
from detectron2_checkout import needs_detectron2
from PIL import Image
from pycocotools import mask as coco_mask
from shapes_yaml import write_yaml
from tiny_run import vita

pytestmark = needs_detectron2


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """`register_dataset` in a folder of its own; what it registered is forgotten afterwards."""
    from detectron2.data import DatasetCatalog, MetadataCatalog

    from vita_detectron2.catalogue import register_dataset

    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path / "datasets"))
    before = set(DatasetCatalog)
    yield register_dataset
    for name in set(DatasetCatalog) - before:
        DatasetCatalog.remove(name)
        MetadataCatalog.remove(name)


def test_records_are_those_that_vis_projects_share(register: Any, videos: Path, tmp_path: Path) -> None:
    from detectron2.data import DatasetCatalog, MetadataCatalog
    from detectron2.structures import BoxMode

    assert register(write_yaml(tmp_path, videos)) == ["ytvis_mine_train", "ytvis_mine_val"]
    source = json.loads((videos / "valid" / "instances.json").read_text())
    metadata = MetadataCatalog.get("ytvis_mine_val")
    assert metadata.evaluator_type == "ytvis" and metadata.image_root == str(videos / "valid" / "JPEGImages")
    assert json.loads(Path(metadata.json_file).read_text()) == source
    assert metadata.thing_classes == ["disc", "square", "triangle"]
    assert metadata.thing_dataset_id_to_contiguous_id == {1: 0, 2: 1, 3: 2}
    records = DatasetCatalog.get("ytvis_mine_val")
    assert [record["video_id"] for record in records] == [1, 2] == [video["id"] for video in source["videos"]]
    for record, video in zip(records, source["videos"], strict=True):
        assert (record["height"], record["width"], record["length"]) == (32, 48, 6)
        assert [Image.open(name).size for name in record["file_names"]] == [(48, 32)] * 6
        objects = [one for one in source["annotations"] if one["video_id"] == video["id"]]
        for frame, found in enumerate(record["annotations"]):
            seen = [one for one in objects if one["segmentations"][frame] is not None]
            assert [one["id"] for one in found] == [one["id"] for one in seen]
            assert [one["category_id"] for one in found] == [one["category_id"] - 1 for one in seen]
            assert [one["segmentation"] for one in found] == [one["segmentations"][frame] for one in seen]
            assert all(one["bbox_mode"] == BoxMode.XYWH_ABS and one["iscrowd"] == 0 for one in found)
            masks = [coco_mask.decode(one["segmentation"]) for one in found]
            boxes = [np.argwhere(mask)[:, ::-1] for mask in masks]
            edges = [[*corners.min(0), *(np.ptp(corners, axis=0) + 1)] for corners in boxes]
            np.testing.assert_array_equal([one["bbox"] for one in found], edges)


def test_names_are_shared_ones_or_begin_as_trainers_expect(register: Any, videos: Path, tmp_path: Path) -> None:
    from detectron2.data import DatasetCatalog

    local = {"file": str(tmp_path / "split.json"), "valid_share": 0.4, "seed": 0}
    held_out = {"validate_on": "local_split", "local_split": local}
    split = write_yaml(tmp_path, videos, "ytvis_2019", **held_out)
    assert vita("data", "split", "--dataset", split).code == 0
    all_parts = ("train", "valid", "released_train", "released_valid")
    names = register(split, all_parts)
    assert names == ["ytvis_2019_local_train", "ytvis_2019_local_val", "ytvis_2019_train", "ytvis_2019_val"]
    assert [len(DatasetCatalog.get(name)) for name in names] == [2, 1, 3, 2]
    assert register(write_yaml(tmp_path, videos, "ovis"), ["valid"]) == ["ovis_val"]
    assert register(write_yaml(tmp_path, videos, "ytvis_2019"), ["valid"]) == ["ytvis_2019_val"]  # in the other's place
    assert len(DatasetCatalog.get("ytvis_2019_val")) == 2


def test_images_are_detectron2s_own_records(register: Any, tmp_path: Path) -> None:
    from detectron2.data import DatasetCatalog, MetadataCatalog

    coco_files.write(tmp_path / "data")
    place = {"annotations": "annotations/instances_train2017.json", "frames": "train2017"}
    for name, registered in (("coco", "coco_2017_train"), ("pictures", "coco_pictures_train")):
        path = write_yaml(tmp_path, tmp_path / "data", name, format="coco", train=place, valid=place)
        assert register(path, ["train"]) == [registered]
        records = DatasetCatalog.get(registered)
        assert [record["image_id"] for record in records] == [2, 5, 9]
        cat, car = records[0]["annotations"]
        assert (cat["category_id"], cat["bbox"], cat["segmentation"]) == (
            2,
            [1, 1, 8, 10],
            [coco_files.box(1, 1, 9, 11)],
        )
        assert (car["category_id"], car["bbox"]) == (1, [4.5, 12, 10, 8])
        assert MetadataCatalog.get(registered).thing_classes == ["person", "car", "cat"]
        assert MetadataCatalog.get(registered).evaluator_type == "coco"


def test_images_that_are_trained_with_videos(register: Any, videos: Path, tmp_path: Path) -> None:
    from detectron2.data import DatasetCatalog

    coco_files.write(tmp_path / "data")
    place = {"annotations": "annotations/instances_train2017.json", "frames": "train2017"}
    path = write_yaml(tmp_path, tmp_path / "data", "coco", format="coco", train=place, valid=place)
    for name, registered in (("ytvis_2019", "coco2ytvis2019_train"), ("ovis", "coco2ovis_train")):
        target = write_yaml(tmp_path, videos, name, category_map={"coco": {"cat": "disc"}})
        assert register(path, ["train"], mapped_to=target) == [registered]
        records = DatasetCatalog.get(registered)
        assert [len(record["annotations"]) for record in records] == [1, 0, 0]
        assert records[0]["annotations"][0]["category_id"] == 2  # the cat, among all three categories


def test_a_relative_root_starts_where_it_is_told_to(register: Any, videos: Path, tmp_path: Path) -> None:
    from vita_detectron2.command import VitaCommandError

    path = write_yaml(tmp_path, Path(videos.name))
    with pytest.raises(VitaCommandError, match="data set 'mine': no annotations found"):
        register(path)
    assert register(path, relative_to=videos.parent) == ["ytvis_mine_train", "ytvis_mine_val"]


def test_nothing_of_vita_is_imported(videos: Path, tmp_path: Path) -> None:
    code = f"""
import sys
sys.path.append({str(Path(__file__).parents[1])!r})
import detectron2_checkout
from vita_detectron2.catalogue import register_dataset
from vita_detectron2.evaluator import YTVISEvaluator
(name,) = register_dataset({str(write_yaml(tmp_path, videos))!r}, ["valid"], folder={str(tmp_path)!r})
evaluator = YTVISEvaluator(name, None, False)
evaluator.reset()
assert evaluator.evaluate()["segm"]["AP"] == 0
print([name for name in sys.modules if name.split(".")[0] == "vita"])
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "[]\n"), ended.stderr
