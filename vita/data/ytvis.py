"""Reader of YouTube-VIS files: the one door for real and embedded data.

Legend: H W pixels of the frames, set upright.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from vita.core.contract import UserError, Video
from vita.core.files import read_json
from vita.data.annotations.contents import YTVIS, Contents, Format, ObjectEntry, VideoEntry
from vita.data.annotations.findings import FirstFault
from vita.data.annotations.reader import read_codes, read_contents, read_objects, read_segmentations
from vita.data.masks.polygons import Segmentation
from vita.data.pictures import OtherSizeError, decode, fault_of
from vita.data.safe_paths import is_below, open_frame, resolved


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


def read_split(annotations: Path, frames: Path, root: Path | None = None) -> Split:
    """The content of an annotation file; without its key `annotations`, videos that have no instances.

    Masks are normalised to compressed run-length codes. `root` is the data set's folder: symbolic links may lead
    anywhere below it or below `frames`, and nowhere else.
    Raises UserError naming the file and the video or annotation at fault. Frames are not opened here.
    """
    contents, findings = read_sound(annotations, frames, YTVIS)
    videos = list_videos(contents, annotations, frames, root)
    labels = {category: label for label, category in enumerate(contents.categories)}
    instances: dict[int, list[Instance]] = {video.id: [] for video in videos}
    for entry in read_objects(contents, findings):
        instances[entry.video.id].append(_read_instance(entry, labels, findings))
    return Split(
        videos=videos,
        instances=tuple(map(tuple, instances.values())),
        category_ids=tuple(contents.categories),
        category_names=tuple(contents.categories.values()),
    )


def read_sound(annotations: Path, frames: Path, format: Format) -> tuple[Contents, FirstFault]:
    """The content of a file whose frames are at hand, and what raises UserError at the first fault further on.

    Raises UserError when the file or the folder of frames is not there, or the file not sound.
    """
    for path, what in ((annotations, "annotation file"), (frames, format.folder)):
        if not path.exists():
            raise UserError(
                f"{path}: no such {what}; check the data set's `root`, or write embedded data with `vita data synth`"
            )
    if not frames.is_dir():
        raise UserError(f"{frames}: the {format.folder} is a file; name the folder that holds the frames")
    findings = FirstFault(source=annotations)
    return read_contents(read_json(annotations), annotations, format, findings), findings


def list_videos(contents: Contents, annotations: Path, frames: Path, root: Path | None) -> tuple[Video, ...]:
    """The videos by ascending id. Raises UserError when a folder of frames is a link out of the data set."""
    roots = resolved(frames, root or frames)
    ordered = sorted(contents.videos, key=lambda entry: entry.id)
    videos = tuple(_video(entry, frames, roots) for entry in ordered)
    checked: set[Path] = set()
    for video in videos:
        for folder in {path.parent for path in video.frame_paths} - checked:
            checked.add(folder)
            if not is_below(folder, roots):
                raise UserError(
                    f"{annotations}: video {video.id}: the folder {folder} is a link that leads out of the data set; "
                    "copy it into the data set, or configure the folder above both as its `root`"
                )
    return videos


def _video(entry: VideoEntry, frames: Path, roots: tuple[Path, ...]) -> Video:
    names = [name for name in entry.names if name is not None]
    folder = PurePosixPath(names[0]).parent.as_posix()
    return Video(
        id=entry.id,
        name=folder if folder != "." else f"video_{entry.id}",
        height=entry.height,
        width=entry.width,
        frame_paths=tuple(frames / name for name in names),
        roots=roots,
    )


def _read_instance(entry: ObjectEntry, labels: dict[int, int], findings: FirstFault) -> Instance:
    video = entry.video
    segmentations = read_segmentations(entry, YTVIS, findings) or []
    codes = read_codes(entry.where, segmentations, (video.height, video.width), findings)
    return Instance(
        id=entry.id,
        label=labels[entry.record["category_id"]],
        segmentations=tuple(codes.get(t) for t in range(video.length)),
        is_crowd=entry.is_crowd,
    )


def read_video_frame(video: Video, index: int) -> np.ndarray:
    """Frame `index` as (H, W, 3) uint8. Raises UserError also when its size is not the video's."""
    return np.asarray(read_video_picture(video, index))


def read_video_picture(video: Video, index: int) -> Image.Image:
    """The same as a decoded RGB picture, for whoever resizes it next: an array would be a copy more."""
    path = video.frame_paths[index]
    try:
        with open_frame(path, video.roots) as file:
            return decode(file, (video.height, video.width)).picture
    except OtherSizeError as error:
        raise UserError(
            f"{path}: frame of size {list(error.found)}, but the annotation file gives video {video.id} the size "
            f"{[video.height, video.width]} (height, width){error.hint}"
        ) from None
    except Exception as error:  # decoders raise anything on damaged bytes
        raise UserError(fault_of(path, error)) from None
