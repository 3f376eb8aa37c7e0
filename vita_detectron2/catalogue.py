"""Data sets of ours in detectron2's catalogues, under names that trainers of VIS projects dispatch on."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.data.datasets import load_coco_json
from detectron2.structures import BoxMode

from vita_detectron2.command import run_vita

# Trainers choose the mapper of a data set by how its name begins.
PREFIXES = ("ytvis", "ovis", "coco")
SHARED_NAMES = {"coco": "coco_2017"}  # where detectron2's projects call a data set of ours differently
SPLITS = {"train": "train", "valid": "val", "released_train": "train", "released_valid": "val"}


def register_dataset(
    dataset: str | Path,
    parts: Sequence[str] = ("train", "valid"),
    *,
    mapped_to: str | Path | None = None,
    folder: str | Path | None = None,
    relative_to: str | Path | None = None,
) -> list[str]:
    """Register parts of the data set that a YAML file of vita-bench describes, and return their names.

    dataset: the YAML file. parts: of `train`, `valid`, `released_train`, `released_valid`; as released means without a
    local split. mapped_to: the YAML file of the video data set that images are to be trained with; objects without a
    counterpart there are left out. folder: where annotation files of these parts are kept, `vita` in detectron2's
    folder of data sets when None. relative_to: the folder that relative paths in YAML files start from; the current one
    when None.

    `ytvis_2019` becomes `ytvis_2019_train` and `ytvis_2019_val`, parts of a local split `ytvis_2019_local_train` and
    `ytvis_2019_local_val`, COCO mapped to it `coco2ytvis2019_train`; a name that no trainer dispatches on gains a
    prefix (`shapes`: `ytvis_shapes_train`). What was registered under such a name before is replaced. Raises
    VitaCommandError with one line when the YAML or the data are not sound; then nothing is registered.
    """
    kept = Path(folder) if folder is not None else Path(os.getenv("DETECTRON2_DATASETS", "datasets")) / "vita"
    start = None if relative_to is None else Path(relative_to)
    asked = ["--dataset", str(Path(dataset).resolve()), "--out", str(kept.resolve())]
    asked += [] if mapped_to is None else ["--mapped-to", str(Path(mapped_to).resolve())]
    described = [_export(part, asked, start) for part in parts]
    for one in described:
        _register(_name(one), one)
    return [_name(one) for one in described]


def _export(part: str, asked: list[str], start: Path | None) -> dict[str, Any]:
    """What `vita data export --json` tells of a part that it wrote."""
    told: dict[str, Any] = json.loads(run_vita("data", "export", "--part", part, *asked, "--json", folder=start))
    return told


def _name(described: dict[str, Any]) -> str:
    name, target = described["dataset"], described["mapped_to"]
    name = SHARED_NAMES.get(name, name) if target is None else f"{name}2{target.replace('_', '')}"
    images = described["format"] == "coco"
    if not name.startswith("coco" if images else PREFIXES):
        name = f"{'coco' if images else 'ytvis'}_{name}"
    return f"{name}_{'local_' if described['local_split'] else ''}{SPLITS[described['part']]}"


def _register(name: str, described: dict[str, Any]) -> None:
    json_file, image_root = described["annotations"], described["frames"]
    images = described["format"] == "coco"
    for catalogue in (DatasetCatalog, MetadataCatalog):
        catalogue.pop(name, None)
    load = partial(load_coco_json, dataset_name=name) if images else load_videos
    DatasetCatalog.register(name, partial(load, json_file, image_root))
    MetadataCatalog.get(name).set(
        json_file=json_file,
        image_root=image_root,
        evaluator_type="coco" if images else "ytvis",
        thing_classes=list(described["categories"].values()),
        thing_dataset_id_to_contiguous_id={int(id): label for label, id in enumerate(described["categories"])},
    )


def load_videos(json_file: str, image_root: str) -> list[dict[str, Any]]:
    """The videos of a file that `vita data export` wrote, in the form that VIS projects on detectron2 share.

    `annotations` holds a list for each frame, of the objects with a mask in it; labels are contiguous, from 0.
    """
    document = json.loads(Path(json_file).read_text(encoding="utf-8"))
    labels = {id: label for label, id in enumerate(sorted(category["id"] for category in document["categories"]))}
    objects: dict[int, list[dict[str, Any]]] = {video["id"]: [] for video in document["videos"]}
    for entry in document.get("annotations") or []:
        objects[entry["video_id"]].append(entry)
    return [
        {
            "file_names": [str(Path(image_root, name)) for name in video["file_names"]],
            "height": video["height"],
            "width": video["width"],
            "length": len(video["file_names"]),
            "video_id": video["id"],
            "annotations": _by_frame(objects[video["id"]], len(video["file_names"]), labels),
        }
        for video in sorted(document["videos"], key=lambda video: video["id"])
    ]


def _by_frame(objects: list[dict[str, Any]], frames: int, labels: dict[int, int]) -> list[list[dict[str, Any]]]:
    return [
        [
            {
                "id": one["id"],
                "category_id": labels[one["category_id"]],
                "iscrowd": one.get("iscrowd", 0),
                "bbox": one["bboxes"][frame],
                "bbox_mode": BoxMode.XYWH_ABS,
                "segmentation": one["segmentations"][frame],
            }
            for one in objects
            if one["segmentations"][frame] is not None
        ]
        for frame in range(frames)
    ]
