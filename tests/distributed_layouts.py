"""The embedded videos under the file names of each release, in its categories and its form of labels.

As distributed: uncompressed run-length codes, no labels of the validation videos, the occlusion levels of OVIS.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.config_base import load
from vita.core.dataset_config import DatasetConfig, ShapesConfig
from vita.core.files import read_json, write_json
from vita.data.masks import rle
from vita.data.synthetic.write import SPLITS, synthesise

PUBLISHED = Path(__file__).parents[1] / "workflow" / "config" / "datasets"
VIDEOS = ShapesConfig(train_videos=6, valid_videos=2, train_frames=6, valid_frames=6, height=64, width=96)
KINDS = ("person", "cat", "dog")  # of COCO, in the place of disc, square and triangle
OCCLUSION = ("no_occlusion", "slight_occlusion", "severe_occlusion")


@dataclass(frozen=True)
class Layout:
    """Where a release, or a repository that renames it, has its files. `{}` stands for train or valid."""

    dataset: str  # the file of the published data set
    lists: str
    frames: str = "{}/JPEGImages"
    labels: str | None = None  # of the validation videos


LAYOUTS = {
    "ytvis_2019": Layout("ytvis_2019", "{}.json"),
    "ytvis_2019_codalab": Layout("ytvis_2019", "{}/instances.json"),
    "ytvis_2021": Layout("ytvis_2021", "{}/instances.json"),
    "ytvis_2021_renamed": Layout("ytvis_2021", "{}.json"),
    "ytvis_2022": Layout("ytvis_2022", "{}/instances.json"),
    "ovis": Layout("ovis", "annotations_{}.json", "{}", "validGT.json"),
    "ovis_annotations": Layout("ovis", "annotations/annotations_{}.json", "{}", "annotations/validGT.json"),
    "ovis_vita": Layout("ovis", "annotations/{}.json", labels="annotations/validGT.json"),
}


def published(name: str) -> DatasetConfig:
    """The YAML of a published data set."""
    return load(DatasetConfig, PUBLISHED / f"{name}.yaml")


def write_layout(name: str, root: Path) -> None:
    """Six training and two validation videos of a video data set, in one of LAYOUTS."""
    layout = LAYOUTS[name]
    synthesise(VIDEOS, root / "made")
    for split in SPLITS:
        document = as_released(read_json(root / "made" / split / "instances.json"), published(layout.dataset))
        shutil.copytree(root / "made" / split / "JPEGImages", root / layout.frames.format(split), dirs_exist_ok=True)
        if split == "valid" and layout.labels:
            write_json(root / layout.labels, document)
        if split == "valid":
            del document["annotations"]
        write_json(root / layout.lists.format(split), document)
    shutil.rmtree(root / "made")


def as_released(document: dict[str, Any], dataset: DatasetConfig) -> dict[str, Any]:
    """The labels in the categories of a published data set, with codes as lists of numbers."""
    assert dataset.categories is not None
    ids = {name: number for number, name in dataset.categories.items()}
    ours = [ids[dataset.category_map["coco"][kind]] for kind in KINDS]
    for entry in document["annotations"]:
        entry["category_id"] = ours[entry["category_id"] - 1]
        entry["segmentations"] = [code and uncompressed(code) for code in entry["segmentations"]]
        if dataset.name == "ovis":
            entry["occlusion"] = [code and OCCLUSION[entry["id"] % 3] for code in entry["segmentations"]]
    document["categories"] = [{"id": number, "name": name} for number, name in dataset.categories.items()]
    return document


def uncompressed(code: Any) -> dict[str, Any]:
    """The lengths of runs down the columns, of background first."""
    height, width = code["size"]
    pixels = rle.decode([code], height, width)[0].ravel(order="F").astype(np.int8)
    ends = np.flatnonzero(np.diff(pixels, prepend=0, append=1 - pixels[-1]))
    return {"size": [height, width], "counts": np.diff(ends, prepend=0).tolist()}


def write_coco(root: Path) -> None:
    """The first frames of the same videos as images, objects as the polygons of their boxes, one of them a crowd."""
    synthesise(VIDEOS, root / "made")
    names = published("coco").categories or {}
    ids = {name: number for number, name in names.items()}
    for split, folder in (("train", "train2017"), ("valid", "val2017")):
        document = read_json(root / "made" / split / "instances.json")
        (root / folder).mkdir(parents=True)
        for video in document["videos"]:
            source = root / "made" / split / "JPEGImages" / video["file_names"][0]
            shutil.copy(source, root / folder / f"{video['id']:012d}.jpg")
        images = [
            {"id": v["id"], "height": 64, "width": 96, "file_name": f"{v['id']:012d}.jpg"} for v in document["videos"]
        ]
        objects = [_object(entry, ids) for entry in document["annotations"] if entry["segmentations"][0]]
        categories = [{"id": number, "name": name} for number, name in names.items()]
        content = {"images": images, "annotations": objects, "categories": categories}
        write_json(root / "annotations" / f"instances_{folder}.json", content)
    shutil.rmtree(root / "made")


def _object(entry: dict[str, Any], ids: dict[str, int]) -> dict[str, Any]:
    left, top, width, height = entry["bboxes"][0]
    right, bottom = left + width, top + height
    common = {"id": entry["id"], "image_id": entry["video_id"], "category_id": ids[KINDS[entry["category_id"] - 1]]}
    if entry["id"] == 1:
        shape: Any = uncompressed(entry["segmentations"][0])
    else:
        shape = [[left, top, right, top, right, bottom, left, bottom]]
    box = {"bbox": [left, top, width, height], "area": entry["areas"][0], "iscrowd": int(entry["id"] == 1)}
    return common | box | {"segmentation": shape}
