"""The writer that all formats share: `<folder>/<part>/instances.json`, a link to the frames, and a data set's YAML.

Legend: T frames of a video, H W pixels.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import yaml
from pycocotools import mask as coco_mask

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.files import read_json, write_json, write_text
from vita.core.progress import progress
from vita.data.conversion.labelled_videos import LabelledVideo, LabelledVideos, Track
from vita.data.masks import rle
from vita.data.pictures import picture_size
from vita.data.safe_paths import resolved

ImportedPart = Literal["train", "valid"]
ANNOTATIONS, FRAMES = "instances.json", "JPEGImages"
DESCRIPTION = "written by vita data import"


def write_labelled_videos(content: LabelledVideos, frames: Path, folder: Path, part: ImportedPart) -> Path:
    """Write one part of a data set below `folder`, and return its annotation file.

    Frames stay where they are: `JPEGImages` beside the file is a link to `frames`. What an earlier import wrote is
    replaced. Raises UserError when a frame is missing or of another size than its video, when there is nothing to write
    or other data in the place, or when it cannot be written.
    """
    if not content.videos:
        raise UserError(f"no video to write to {folder / part}")
    with progress(sum(len(video.frames) for video in content.videos), "frames") as bar:
        for video in content.videos:
            _check_frames(video, frames)
            bar.update(len(video.frames))
    annotations = folder / part / ANNOTATIONS
    _check_replaceable(annotations)
    _link(folder / part / FRAMES, frames)
    write_json(annotations, _document(content))
    return annotations


def _check_frames(video: LabelledVideo, frames: Path) -> None:
    roots = resolved(frames)
    for name in video.frames:
        if (size := picture_size(frames / name, roots)) != (video.height, video.width):
            raise UserError(
                f"{frames / name}: size {list(size)}, but the labels of video '{video.name}' have "
                f"{[video.height, video.width]} (height, width); the frames are needed as they were labelled"
            )


def _check_replaceable(annotations: Path) -> None:
    if not annotations.exists():
        return
    info = document.get("info") if isinstance(document := read_json(annotations), dict) else None
    if not isinstance(info, dict) or info.get("description") != DESCRIPTION:
        raise UserError(f"{annotations}: it is there already, and was not {DESCRIPTION}; choose another --out")


def _link(link: Path, frames: Path) -> None:
    """Raises UserError when something else than a link to a folder is in the place."""
    try:
        if link.is_symlink():
            link.unlink()
        elif link.exists():
            if link.samefile(frames):
                return
            raise UserError(f"{link}: it is there already, and is no link; choose another --out")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.realpath(frames), target_is_directory=True)
    except OSError as error:
        raise UserError(f"cannot write {link}: {error.strerror}; choose another --out") from None


def _document(content: LabelledVideos) -> dict[str, Any]:
    shapes = {video.id: _shape(video) for video in content.videos}
    return {
        "info": {"description": DESCRIPTION},
        "videos": [{"id": video.id, **shapes[video.id], "file_names": list(video.frames)} for video in content.videos],
        "categories": [{"id": number, "name": name} for number, name in sorted(content.categories.items())],
        "annotations": [
            {"id": number, "video_id": track.video, "category_id": track.category, "iscrowd": int(track.is_crowd)}
            | shapes[track.video]
            | _masks(track, shapes[track.video]["length"])
            for number, track in enumerate(content.tracks, start=1)
        ],
    }


def _shape(video: LabelledVideo) -> dict[str, int]:
    return {"height": video.height, "width": video.width, "length": len(video.frames)}


def _masks(track: Track, length: int) -> dict[str, Any]:
    """Lists of one entry a frame, null where the object is not seen."""
    codes = list(track.masks.values())
    areas = dict(zip(track.masks, rle.areas(codes).tolist(), strict=True))
    boxes = dict(zip(track.masks, coco_mask.toBbox(codes).tolist(), strict=True))
    return {
        "segmentations": [track.masks.get(t) for t in range(length)],
        "bboxes": [boxes.get(t) for t in range(length)],
        "areas": [areas.get(t) for t in range(length)],
    }


def check_dataset_yaml(path: Path, folder: Path) -> None:
    """Raises UserError when the data set cannot be called as this YAML: before anything is written."""
    _yaml(path, folder, divided=False)


def write_dataset_yaml(path: Path, folder: Path, videos: int) -> bool:
    """Write the YAML of the data set in `folder`, named as the file; whether it was written.

    Without labels for `valid` a share of `train` is set aside, which takes two of the `videos` at least.
    A file with other content stays as it is.
    """
    texts = [_yaml(path, folder, divided) for divided in (False, True)]
    if path.exists() and path.read_bytes() not in [text.encode() for text in texts]:
        return False
    write_text(path, texts[videos > 1 and not (folder / "valid" / ANNOTATIONS).exists()])
    return True


def _yaml(path: Path, folder: Path, divided: bool) -> str:
    raw: dict[str, Any] = {"name": path.stem, "root": str(folder.absolute())}
    for part in ("train", "valid"):
        raw[part] = {"annotations": f"{part}/{ANNOTATIONS}", "frames": f"{part}/{FRAMES}"}
    if divided:
        drawn_by_workflow = f"results/data/{path.stem}/local_split.json"
        split = {"file": drawn_by_workflow, "valid_share": 0.15, "seed": 0}
        raw |= {"validate_on": "local_split", "local_split": split}
    parse(DatasetConfig, raw, f"{path}: it is called as the data set (another is chosen by --dataset)")
    return yaml.safe_dump(raw, sort_keys=False, allow_unicode=True)
