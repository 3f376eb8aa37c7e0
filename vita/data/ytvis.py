"""Reader of YouTube-VIS files: the one door for real and embedded data.

Legend: H W pixels of the stored frames.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from vita.contract import Rle, UserError, Video
from vita.data import rle
from vita.files import read_json


@dataclass(frozen=True)
class Instance:
    """One annotated object: a mask or None for every frame of its video. `label` is contiguous, 0..K-1."""

    id: int
    label: int
    segmentations: tuple[Rle | None, ...]
    is_crowd: bool


@dataclass(frozen=True)
class Split:
    """Videos by ascending id, the instances of each, and the categories by ascending id."""

    videos: tuple[Video, ...]
    instances: tuple[tuple[Instance, ...], ...]
    category_ids: tuple[int, ...]
    category_names: tuple[str, ...]


def read_split(annotations: Path, frames: Path, limit_videos: int | None = None) -> Split:
    """The content of an annotation file; without its key `annotations`, videos that have no instances.

    `limit_videos` keeps the first n videos by id. Masks are normalised to compressed run-length codes.
    Raises UserError naming the file and the video or annotation at fault. Frames are not opened here.
    """
    document = _read_document(annotations, frames)
    categories = sorted(_records(document, "categories", ("id", "name"), annotations), key=lambda record: record["id"])
    labels = {record["id"]: label for label, record in enumerate(categories)}
    videos = _read_videos(document, annotations, frames)
    known = {video.id for video in videos}
    for record in (records := _annotation_records(document, annotations)):
        if record["video_id"] not in known:
            raise UserError(f"{annotations}: annotation {record['id']}: no video has the id {record['video_id']}")
    kept = videos[:limit_videos]
    return Split(
        videos=kept,
        instances=_read_instances(records, kept, labels, annotations),
        category_ids=tuple(labels),
        category_names=tuple(str(record["name"]) for record in categories),
    )


def _read_document(annotations: Path, frames: Path) -> dict[str, Any]:
    for path, what in ((annotations, "annotation file"), (frames, "frame folder")):
        if not path.exists():
            raise UserError(
                f"{path}: no such {what}; check the data set's `root`, or write embedded data with `vita data synth`"
            )
    if not frames.is_dir():
        raise UserError(f"{frames}: the frame folder is a file; name the folder that holds one folder a video")
    document = read_json(annotations)
    if not isinstance(document, dict) or not {"videos", "categories"} <= document.keys():
        raise UserError(f"{annotations}: not a YouTube-VIS file: it needs the keys `videos` and `categories`")
    return document


def _records(document: dict[str, Any], key: str, needed: Iterable[str], path: Path) -> list[dict[str, Any]]:
    """The list under `key`, each record complete and its id unique."""
    records, seen = document[key], set()
    if not isinstance(records, list):
        raise UserError(f"{path}: `{key}` must be a list, found {type(records).__name__}")
    for place, record in enumerate(records):
        where = f"{path}: `{key}` entry {place}"
        missing = [part for part in needed if not isinstance(record, dict) or part not in record]
        if missing:
            raise UserError(f"{where} lacks the key `{missing[0]}`")
        if record["id"] in seen:
            raise UserError(f"{where}: the id {record['id']} occurs twice")
        seen.add(record["id"])
    return records


def _annotation_records(document: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """None in files published without labels, whose list is missing or null."""
    if document.get("annotations") is None:
        return []
    return _records(document, "annotations", ("id", "video_id", "category_id", "segmentations"), path)


def _read_videos(document: dict[str, Any], path: Path, frames: Path) -> tuple[Video, ...]:
    records = _records(document, "videos", ("id", "width", "height", "file_names"), path)
    return tuple(_read_video(record, path, frames) for record in sorted(records, key=lambda record: record["id"]))


def _read_video(record: dict[str, Any], path: Path, frames: Path) -> Video:
    names = record["file_names"]
    where = f"{path}: video {record['id']}"
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}: `file_names` must be a list of names")
    if not names or record.get("length", len(names)) != len(names):
        raise UserError(f"{where}: {len(names)} file names for a length of {record.get('length', 'at least 1')}")
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise UserError(f"{where}: the file name {name!r} leaves the frame folder; use names relative to it")
    folder = PurePosixPath(names[0]).parent.as_posix()
    return Video(
        id=record["id"],
        name=folder if folder != "." else f"video_{record['id']}",
        height=record["height"],
        width=record["width"],
        frame_paths=tuple(frames / name for name in names),
    )


def _read_instances(
    records: list[dict[str, Any]], videos: tuple[Video, ...], labels: dict[int, int], path: Path
) -> tuple[tuple[Instance, ...], ...]:
    """The instances of each video, in the order of the file."""
    by_id = {video.id: video for video in videos}
    found: dict[int, list[Instance]] = {video.id: [] for video in videos}
    for record in records:
        if record["video_id"] in by_id:
            found[record["video_id"]].append(_read_instance(record, by_id[record["video_id"]], labels, path))
    return tuple(tuple(found[video.id]) for video in videos)


def _read_instance(record: dict[str, Any], video: Video, labels: dict[int, int], path: Path) -> Instance:
    where = f"{path}: annotation {record['id']} of video {video.id}"
    if record["category_id"] not in labels:
        raise UserError(f"{where}: unknown category {record['category_id']}; known: {sorted(labels)}")
    segmentations = record["segmentations"]
    if not isinstance(segmentations, list) or len(segmentations) != len(video.frame_paths):
        raise UserError(f"{where}: `segmentations` must be a list of {len(video.frame_paths)}, one a frame")
    return Instance(
        id=record["id"],
        label=labels[record["category_id"]],
        segmentations=tuple(_read_mask(s, video, f"{where}: frame {t}") for t, s in enumerate(segmentations)),
        is_crowd=bool(record.get("iscrowd", 0)),
    )


def _read_mask(segmentation: Any, video: Video, where: str) -> Rle | None:
    if segmentation is None:
        return None
    try:
        return rle.normalise(segmentation, video.height, video.width)
    except (ValueError, TypeError) as error:
        raise UserError(f"{where}: {error}") from None


def read_frame(path: Path) -> np.ndarray:
    """A picture as (H, W, 3) uint8, RGB. Raises UserError when it is missing or cannot be decoded."""
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such frame; fetch or write the data set again") from None
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise UserError(f"{path}: damaged frame ({error}); fetch or write this file again") from None


def read_video_frame(video: Video, index: int) -> np.ndarray:
    """Frame `index` as (H, W, 3) uint8. Raises UserError also when its size is not the video's."""
    frame = read_frame(video.frame_paths[index])
    if frame.shape[:2] != (video.height, video.width):
        raise UserError(
            f"{video.frame_paths[index]}: frame of size {list(frame.shape[:2])}, but the annotation file "
            f"gives video {video.id} the size {[video.height, video.width]} (height, width)"
        )
    return frame
