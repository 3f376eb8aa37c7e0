"""The embedded data set on disk, in YouTube-VIS format: `<root>/{train,valid}/{instances.json,JPEGImages/}`.

Legend: N objects, T frames, H W pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from vita.core.contract import Rle, UserError
from vita.core.dataset_config import ShapesConfig
from vita.core.files import read_json, write_json
from vita.core.progress import SHORT_S, progress
from vita.data.masks import rle
from vita.data.synthetic.shapes import KINDS, PaintedVideo, paint_video

SPLITS = ("train", "valid")
DESCRIPTION = "vita-bench shapes, version 1"


def synthesise(config: ShapesConfig, root: Path) -> None:
    """Write both splits. The same configuration gives the same bytes; an earlier copy is overwritten.

    The annotation files come last, so their presence means that the data set is complete.
    Raises UserError when `root` holds other data, cannot be written, or the frames are too small.
    """
    for split in SPLITS:
        _clear(root / split / "instances.json")
    documents = {split: _write_split(config, root / split) for split in SPLITS}
    for split, document in documents.items():
        write_json(root / split / "instances.json", document)


def draw_video(config: ShapesConfig, split: str, number: int) -> PaintedVideo:
    """Video `number` of a split. It depends on nothing but the configuration and the two."""
    frames = config.train_frames if split == "train" else config.valid_frames
    return paint_video(config, frames, np.random.default_rng([config.seed, SPLITS.index(split), number]))


def _clear(annotations: Path) -> None:
    if not annotations.exists():
        return
    document = read_json(annotations)
    if not isinstance(document, dict) or document.get("info", {}).get("description") != DESCRIPTION:
        raise UserError(f"{annotations} is not embedded data and would be overwritten; choose another root")
    annotations.unlink()


def _write_split(config: ShapesConfig, folder: Path) -> dict[str, Any]:
    count = config.train_videos if folder.name == "train" else config.valid_videos
    videos: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    with progress(count, f"videos of {folder.name}", delay_s=SHORT_S) as bar:
        for number in range(count):
            painted = draw_video(config, folder.name, number)
            names = [f"video_{number:05d}/{t:05d}.jpg" for t in range(len(painted.frames))]
            _write_frames(folder / "JPEGImages", names, painted.frames, config.jpeg_quality)
            shape = {"height": config.height, "width": config.width, "length": len(names)}
            videos.append({"id": number + 1, **shape, "file_names": names})
            for record in _annotations(painted):
                annotations.append({"id": len(annotations) + 1, "video_id": number + 1, **shape, **record})
            bar.update()
    return {
        "info": {"description": DESCRIPTION, "config": config.model_dump(mode="json")},
        "licenses": [],
        "videos": videos,
        "categories": [{"id": i, "name": kind.name} for i, kind in enumerate(KINDS[: config.classes], start=1)],
        "annotations": annotations,
    }


def _write_frames(folder: Path, names: list[str], frames: np.ndarray, quality: int) -> None:
    try:
        (folder / names[0]).parent.mkdir(parents=True, exist_ok=True)
        for name, frame in zip(names, frames, strict=True):
            # Full chroma resolution, because the hue tells objects of one class apart.
            Image.fromarray(frame).save(folder / name, quality=quality, subsampling=0)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write frames to {folder}: {reason}; free space or choose another root") from error


def _annotations(painted: PaintedVideo) -> list[dict[str, Any]]:
    """One record an object, without the identifiers; null where it is not visible."""
    count, frames = painted.masks.shape[:2]
    codes = rle.encode(painted.masks.reshape(-1, *painted.masks.shape[2:]))
    areas = rle.areas(codes).reshape(count, frames).tolist()
    boxes = coco_mask.toBbox(codes).reshape(count, frames, 4).tolist()
    return [
        {"category_id": int(label) + 1, "iscrowd": 0, **_visible(codes[n * frames :][:frames], boxes[n], areas[n])}
        for n, label in enumerate(painted.scene.labels)
    ]


def _visible(codes: list[Rle], boxes: list[list[float]], areas: list[int]) -> dict[str, Any]:
    return {
        "segmentations": [code if area else None for code, area in zip(codes, areas, strict=True)],
        "bboxes": [box if area else None for box, area in zip(boxes, areas, strict=True)],
        "areas": [area or None for area in areas],
    }
