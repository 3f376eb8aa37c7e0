"""A tiny data set to spoil, and the check of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from vita.core.dataset_config import ShapesConfig
from vita.data.check.check import Report, check
from vita.data.check.expectations import CheckTarget
from vita.data.dataset import PartFiles
from vita.data.masks import rle
from vita.data.synthetic.write import synthesise

Document = dict[str, Any]


@dataclass(frozen=True)
class Data:
    """A folder with `instances.json` and `JPEGImages/`."""

    folder: Path

    @property
    def annotations(self) -> Path:
        return self.folder / "instances.json"

    @property
    def frames(self) -> Path:
        return self.folder / "JPEGImages"

    def read(self) -> Document:
        return json.loads(self.annotations.read_text())

    def write(self, document: Any) -> None:
        self.annotations.write_text(json.dumps(document))

    def check(self, quick: bool = False) -> Report:
        return check(CheckTarget(PartFiles(self.annotations, self.frames)), quick, workers=1)


def write_embedded(root: Path) -> Data:
    """Two videos of three frames, 32 x 48 pixels; annotations 1 and 2 are of the first, 3 and 4 of the second.

    Both of the first are of category 1, the others of 3 and 2; all are seen in every frame.
    """
    config = ShapesConfig(
        seed=11,
        train_videos=2,
        valid_videos=1,
        train_frames=3,
        valid_frames=1,
        height=32,
        width=48,
        max_objects=3,
        difficulty=0.0,
    )
    synthesise(config, root)
    return Data(root / "train")


def found(report: Report) -> set[tuple[str, str]]:
    """(kind, where) of all findings."""
    return {(finding.kind.label, finding.where) for finding in report.findings.found}


def write_images(folder: Path) -> Data:
    """Two images with one object each, in COCO format: a polygon, and a crowd as run lengths."""
    data = Data(folder)
    data.frames.mkdir(parents=True)
    for name in ("7.jpg", "9.jpg"):
        Image.new("RGB", (12, 10), (90, 60, 30)).save(data.frames / name)
    # Columns 4-7 of rows 2-6: the polygon covers 4 x 5 pixels.
    square = [[4.0, 2.0, 8.0, 2.0, 8.0, 7.0, 4.0, 7.0], [1.0, 1.0, 2.0, 1.0]]
    code = {"size": [10, 12], "counts": [42, 5, 5, 5, 63]}
    assert rle.normalise(square[:1], 10, 12) == rle.normalise(
        {"size": [10, 12], "counts": [42, 5, 5, 5, 5, 5, 5, 5, 43]}, 10, 12
    )
    shared = {"category_id": 3}
    data.write(
        {
            "images": [{"id": i, "height": 10, "width": 12, "file_name": f"{i}.jpg"} for i in (7, 9)],
            "categories": [{"id": 3, "name": "cat"}],
            "annotations": [
                {"id": 1, "image_id": 7, **shared, "segmentation": square, "area": 20.0, "bbox": [4.0, 2.0, 4.0, 5.0]},
                {
                    "id": 2,
                    "image_id": 9,
                    **shared,
                    "segmentation": code,
                    "area": 10,
                    "bbox": [4, 2, 2, 5],
                    "iscrowd": 1,
                },
            ],
        }
    )
    return data
