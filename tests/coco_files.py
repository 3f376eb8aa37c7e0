"""Small COCO annotation files with pictures, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZES = {5: (20, 30), 2: (24, 16), 9: (20, 30)}  # height and width by image id
CATEGORIES = [{"id": 3, "name": "car"}, {"id": 1, "name": "person"}, {"id": 17, "name": "cat"}]


def box(left: float, top: float, right: float, bottom: float) -> list[float]:
    """The outline of a box."""
    return [left, top, right, top, right, bottom, left, bottom]


def document() -> dict[str, Any]:
    """A person of two parts and a crowd on image 5, a cat and a car on image 2, nothing on image 9."""
    crowd = {"size": [20, 30], "counts": [100, 40, 460]}
    annotations = [
        {"id": 70, "image_id": 5, "category_id": 1, "iscrowd": 0, "segmentation": [box(2, 3, 8, 9), box(10, 3, 12, 9)]},
        {"id": 71, "image_id": 2, "category_id": 17, "iscrowd": 0, "segmentation": [box(1, 1, 9, 11), [0, 0, 1, 1]]},
        {"id": 60, "image_id": 5, "category_id": 1, "iscrowd": 1, "segmentation": crowd},
        {"id": 72, "image_id": 2, "category_id": 3, "segmentation": [box(4.5, 12, 14.5, 20)]},
    ]
    images = [{"id": n, "file_name": f"{n:012d}.jpg", "height": h, "width": w} for n, (h, w) in SIZES.items()]
    return {"images": images, "categories": CATEGORIES, "annotations": annotations}


def write(root: Path, content: dict[str, Any] | None = None) -> tuple[Path, Path]:
    """Paths of the annotation file and of the folder of images."""
    frames = root / "train2017"
    frames.mkdir(parents=True, exist_ok=True)
    for number, (height, width) in SIZES.items():
        picture = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(picture).save(frames / f"{number:012d}.jpg")
    path = root / "annotations" / "instances_train2017.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document() if content is None else content))
    return path, frames
