"""Reader of YouTube-VIS files: the one door for real and embedded data.

Legend: H W pixels of the stored frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from vita.core.contract import Rle, UserError, Video
from vita.core.files import read_json
from vita.data.masks import rle
from vita.data.masks.polygons import Segmentation
from vita.data.safe_paths import LeavesRootError, fault_of_name, is_below, name_leaves, open_frame, resolved
from vita.data.value_limits import LARGEST_FRAME, LARGEST_ID


@dataclass(frozen=True)
class Instance:
    """One annotated object: a mask or None for every frame of its video. `label` is contiguous, 0..K-1.

    Masks of videos are run-length codes, whatever the file has; those of images may be polygons (`vita.data.coco`).
    """

    id: int
    label: int
    segmentations: tuple[Segmentation, ...]
    is_crowd: bool


@dataclass(frozen=True)
class Split:
    """Videos by ascending id, the instances of each, and the categories by ascending id."""

    videos: tuple[Video, ...]
    instances: Sequence[tuple[Instance, ...]]
    category_ids: tuple[int, ...]
    category_names: tuple[str, ...]


def read_split(annotations: Path, frames: Path, limit_videos: int | None = None, root: Path | None = None) -> Split:
    """The content of an annotation file; without its key `annotations`, videos that have no instances.

    `limit_videos` keeps the first n videos by id. Masks are normalised to compressed run-length codes.
    `root` is the data set's folder: symbolic links may lead anywhere below it or below `frames`, and nowhere else.
    Raises UserError naming the file and the video or annotation at fault. Frames are not opened here.
    """
    document = _read_document(annotations, frames)
    categories = sorted(
        records_of(document, "categories", ("id", "name"), annotations), key=lambda record: record["id"]
    )
    labels = {record["id"]: label for label, record in enumerate(categories)}
    videos = read_videos(document, annotations, frames, resolved(frames, root or frames))
    known = {video.id for video in videos}
    for record in (records := _annotation_records(document, annotations)):
        if record["video_id"] not in known:
            raise UserError(f"{annotations}: annotation {record['id']}: no video has the id {record['video_id']}")
    kept = videos[:limit_videos]
    return Split(
        videos=kept,
        instances=_read_instances(records, kept, labels, annotations),
        category_ids=tuple(labels),
        category_names=tuple(category_name(record, annotations) for record in categories),
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


def records_of(document: dict[str, Any], key: str, needed: Iterable[str], path: Path) -> list[dict[str, Any]]:
    """The list under `key`, each record complete and its id unique. Raises UserError otherwise."""
    records, seen = document[key], set()
    if not isinstance(records, list):
        raise UserError(f"{path}: `{key}` must be a list, found {type(records).__name__}")
    for place, record in enumerate(records):
        where = f"{path}: `{key}` entry {place}"
        missing = [part for part in needed if not isinstance(record, dict) or part not in record]
        if missing:
            raise UserError(f"{where} lacks the key `{missing[0]}`")
        if (number := whole_number(record, "id", where)) in seen:
            raise UserError(f"{where}: the id {number} occurs twice")
        seen.add(number)
    return records


def whole_number(record: dict[str, Any], key: str, where: str, least: int = -LARGEST_ID) -> int:
    """`record[key]`. Raises UserError when it is anything but a whole number in range."""
    value = record[key]
    if type(value) is not int or not least <= value <= LARGEST_ID:
        raise UserError(f"{where}: `{key}` must be a whole number of at least {least}, not {rle.short(value)}")
    return value


def category_name(category: dict[str, Any], path: Path) -> str:
    """The name of a record of `categories`. Raises UserError when it is no text."""
    if not isinstance(category["name"], str):
        raise UserError(f"{path}: category {category['id']}: `name` must be text, not {rle.short(category['name'])}")
    return category["name"]


def _annotation_records(document: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """None in files published without labels, whose list is missing or null."""
    if document.get("annotations") is None:
        return []
    records = records_of(document, "annotations", ("id", "video_id", "category_id", "segmentations"), path)
    for record in records:
        for key in ("video_id", "category_id"):
            whole_number(record, key, f"{path}: annotation {record['id']}")
    return records


def read_videos(document: dict[str, Any], path: Path, frames: Path, roots: tuple[Path, ...]) -> tuple[Video, ...]:
    """The list `videos` by ascending id. Raises UserError on what cannot be a video of the data set."""
    records = records_of(document, "videos", ("id", "width", "height", "file_names"), path)
    ordered = sorted(records, key=lambda record: record["id"])
    videos = tuple(_read_video(record, path, frames, roots) for record in ordered)
    checked: set[Path] = set()
    for video in videos:
        for folder in {path.parent for path in video.frame_paths} - checked:
            checked.add(folder)
            if not is_below(folder, roots):
                raise UserError(
                    f"{path}: video {video.id}: the folder {folder} is a link that leads out of the data set; "
                    "copy it into the data set, or configure the folder above both as its `root`"
                )
    return videos


def _read_video(record: dict[str, Any], path: Path, frames: Path, roots: tuple[Path, ...]) -> Video:
    names = record["file_names"]
    where = f"{path}: video {record['id']}"
    height, width = (whole_number(record, key, where, least=1) for key in ("height", "width"))
    if height * width > LARGEST_FRAME:
        raise UserError(f"{where}: frames of {height} x {width} pixels; at most {LARGEST_FRAME} can be read")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{where}: `file_names` must be a list of names")
    if not names or record.get("length", len(names)) != len(names):
        length = rle.short(record.get("length", "at least 1"))
        raise UserError(f"{where}: {len(names)} file names for a length of {length}")
    for name in names:
        if name_leaves(name):
            raise UserError(f"{where}: the file name {name!r} leaves the frame folder; use names relative to it")
        if fault := fault_of_name(name):
            raise UserError(f"{where}: the file name {name!r} {fault}")
    folder = PurePosixPath(names[0]).parent.as_posix()
    return Video(
        id=record["id"],
        name=folder if folder != "." else f"video_{record['id']}",
        height=height,
        width=width,
        frame_paths=tuple(frames / name for name in names),
        roots=roots,
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
    if record.get("iscrowd", 0) not in (0, 1):
        raise UserError(f"{where}: `iscrowd` must be 0 or 1, not {rle.short(record['iscrowd'])}")
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
    except ValueError as error:
        raise UserError(f"{where}: {error}") from None


def read_frame(path: Path) -> np.ndarray:
    """A picture as (H, W, 3) uint8, RGB. Raises UserError when it is missing or cannot be decoded."""
    return np.asarray(_decode(path, ()))


def read_video_frame(video: Video, index: int) -> np.ndarray:
    """Frame `index` as (H, W, 3) uint8. Raises UserError also when its size is not the video's."""
    return np.asarray(read_video_picture(video, index))


def read_video_picture(video: Video, index: int) -> Image.Image:
    """The same as a decoded RGB picture, for whoever resizes it next: an array would be a copy more."""
    return _decode(video.frame_paths[index], video.roots, video)


def _decode(path: Path, roots: tuple[Path, ...], video: Video | None = None) -> Image.Image:
    try:
        with open_frame(path, roots) as file, Image.open(file) as picture:
            if video is not None and picture.size != (video.width, video.height):  # known before anything is decoded
                raise UserError(
                    f"{path}: frame of size {[picture.height, picture.width]}, but the annotation file "
                    f"gives video {video.id} the size {[video.height, video.width]} (height, width)"
                )
            picture.load()
            return picture if picture.mode == "RGB" else picture.convert("RGB")  # to the same mode it would copy
    except UserError:
        raise
    except FileNotFoundError:
        raise UserError(f"{path}: no such frame; fetch or write the data set again") from None
    except LeavesRootError as error:
        raise UserError(f"{path}: {error}; put the frame itself there") from None
    except Exception as error:  # decoders raise anything on damaged bytes
        raise UserError(f"{path}: damaged frame ({error}); fetch or write this file again") from None
