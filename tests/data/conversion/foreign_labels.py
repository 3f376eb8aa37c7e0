"""The same small video as each tool would write it: three frames of 6 x 8 pixels, a `cat` and a `dog`.

The cat covers rows 1-2 of columns 1-3 in frame 0, one column further right in frame 1, and is gone in frame 2. The dog
covers rows 4-5 of columns 5-6 in frames 1 and 2; in frame 2 a second part covers row 0 of columns 0-1.
"""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vita.core.contract import Rle
from vita.data.masks import rle

HEIGHT, WIDTH, FRAMES = 6, 8, 3
Boxes = list[tuple[int, int, int, int]]  # top, left, bottom, right; the last two are not within
CAT: dict[int, Boxes] = {0: [(1, 1, 3, 4)], 1: [(1, 2, 3, 5)]}
DOG: dict[int, Boxes] = {1: [(4, 5, 6, 7)], 2: [(4, 5, 6, 7), (0, 0, 1, 2)]}
OBJECTS = {"cat": CAT, "dog": DOG}


def mask(boxes: Boxes) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for top, left, bottom, right in boxes:
        pixels[top:bottom, left:right] = True
    return pixels


def code(boxes: Boxes) -> Rle:
    return rle.encode(mask(boxes)[None])[0]


def expected() -> dict[str, list[Rle | None]]:
    return {name: [code(boxes[t]) if t in boxes else None for t in range(FRAMES)] for name, boxes in OBJECTS.items()}


def corners(box: tuple[int, int, int, int]) -> list[tuple[int, int]]:
    """An outline that holds the pixels of a box and no other."""
    top, left, bottom, right = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def write_frames(folder: Path, name: str = "clip") -> Path:
    """Frames named 8, 9, 10, so that their order is by value."""
    (folder / name).mkdir(parents=True)
    for number in (8, 9, 10):
        Image.new("RGB", (WIDTH, HEIGHT), (20 * number, 90, 60)).save(folder / name / f"{number}.jpg")
    return folder


def write_coco(path: Path) -> None:
    """As mmdetection has it, polygons, frames out of order in the file."""
    images = [
        {"id": t + 1, "video_id": 4, "frame_id": t, "file_name": f"clip/{t + 8}.jpg", "height": HEIGHT, "width": WIDTH}
        for t in (2, 0, 1)
    ]
    annotations: list[dict[str, Any]] = []
    for number, (name, frames) in enumerate(OBJECTS.items(), start=7):
        for t, boxes in frames.items():
            outlines = [[value for corner in corners(box) for value in corner] for box in boxes]
            record = {"category_id": 1 + list(OBJECTS).index(name), "segmentation": outlines, "iscrowd": 0}
            annotations.append({"id": len(annotations), "image_id": t + 1, "instance_id": number, **record})
    document = {
        "videos": [{"id": 4, "name": "clip"}],
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 0, "name": "animals"}, {"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    path.write_text(json.dumps(document))


def write_palette(folder: Path, values: dict[str, int], mode: str = "P") -> None:
    """values: of the two names."""
    (folder / "clip").mkdir(parents=True)
    for t in range(FRAMES):
        pixels = np.zeros((HEIGHT, WIDTH), np.uint8 if mode != "I;16" else np.uint16)
        for name, frames in OBJECTS.items():
            pixels[mask(frames.get(t, []))] = values[name]
        picture = Image.fromarray(pixels)
        if mode == "P":
            picture.putpalette([value for number in range(256) for value in (number, 255 - number, 90)])
        picture.save(folder / "clip" / f"{t + 8}.png")


def write_labelme(folder: Path) -> None:
    """The cat as polygons, the dog as masks, told by their group."""
    (folder / "clip").mkdir(parents=True)
    for t in range(FRAMES):
        shapes: list[dict[str, Any]] = []
        for box in CAT.get(t, []):
            points = [list(map(float, corner)) for corner in corners(box)]
            shapes.append({"label": "cat", "points": points, "group_id": None, "shape_type": "polygon"})
        for top, left, bottom, right in DOG.get(t, []):
            shapes.append({"label": "dog", **labelme_mask(np.ones((bottom - top, right - left), bool), top, left)})
        picture = {"imagePath": f"..\\clip\\{t + 8}.jpg", "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH}
        (folder / "clip" / f"{t + 8}.json").write_text(json.dumps({"version": "5.5.0", "shapes": shapes, **picture}))


def labelme_mask(pixels: np.ndarray, top: int, left: int, group: int = 3) -> dict[str, Any]:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * 255).save(file, "png")
    points = [[left, top], [left + pixels.shape[1] - 1, top + pixels.shape[0] - 1]]
    text = base64.b64encode(file.getvalue()).decode()
    return {"points": points, "mask": text, "shape_type": "mask", "group_id": group}


def cvat_mask(pixels: np.ndarray, frame: int) -> str:
    """The whole frame as run lengths along rows, from an unset one."""
    flat = np.concatenate([[False], pixels.ravel(), [not pixels.ravel()[-1]]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    runs = ", ".join(map(str, np.diff(np.concatenate([[0], edges])).tolist()))
    height, width = pixels.shape
    place = f'left="0" top="0" width="{width}" height="{height}"'
    return f'<mask frame="{frame}" keyframe="1" outside="0" occluded="0" rle="{runs}" {place} z_order="0"></mask>'


def cvat_polygon(box: tuple[int, int, int, int], frame: int, outside: bool = False, keyframe: int = 1) -> str:
    points = ";".join(f"{x:.2f},{y:.2f}" for x, y in corners(box))
    flags = f'keyframe="{keyframe}" outside="{int(outside)}" occluded="0"'
    return f'<polygon frame="{frame}" {flags} points="{points}" z_order="0"></polygon>'


def cvat_xml(tracks: dict[str, list[str]], labels: tuple[str, ...] = ("cat", "dog"), size: int = FRAMES) -> str:
    """tracks: shapes by label."""
    listed = "".join(f"<label><name>{name}</name><attributes></attributes></label>" for name in labels)
    shapes = "".join(f'<track id="{n}" label="{k}">{"".join(v)}</track>' for n, (k, v) in enumerate(tracks.items()))
    original = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    task = f"<task><name>a task</name><size>{size}</size><labels>{listed}</labels>{original}</task>"
    return f'<?xml version="1.0" encoding="utf-8"?><annotations><meta>{task}</meta>{shapes}</annotations>'


def write_cvat(path: Path) -> None:
    """The cat as polygons that leave after frame 1, the dog as masks."""
    cat = [cvat_polygon(CAT[0][0], 0), cvat_polygon(CAT[1][0], 1, keyframe=0), cvat_polygon(CAT[1][0], 2, outside=True)]
    dog = [cvat_mask(mask(boxes), t) for t, boxes in DOG.items()]
    path.write_text(cvat_xml({"cat": cat, "dog": dog}))
