"""Which formats of labels are read, how one is told from another, and the reader of each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

from PIL import Image

from vita.core.contract import UserError
from vita.data.conversion.coco_tracks import read_coco_tracks
from vita.data.conversion.cvat_video import read_cvat_videos
from vita.data.conversion.frame_folders import label_files
from vita.data.conversion.label_pictures import CategoryNames, read_mots_pictures, read_palette_pictures
from vita.data.conversion.labelled_videos import LabelledVideos
from vita.data.conversion.labelme import read_labelme

# coco: of mmdetection, or with track ids. palette: DAVIS. The others are called as their tools.
SourceFormat = Literal["coco", "cvat", "labelme", "mots", "palette"]
ALLOWED = ", ".join(get_args(SourceFormat))


def choose_format(source: Path, named: str | None) -> SourceFormat:
    """The format that was named, or that of the files that are there. Raises UserError when neither tells."""
    if named is not None and named not in get_args(SourceFormat):
        raise UserError(f"--format is '{named}'; allowed are {ALLOWED}")
    if not source.exists():
        raise UserError(f"{source}: no such file or folder")
    found = cast(SourceFormat | None, named) or _found_format(source)
    if found is None:
        raise UserError(f"{source}: labels of no known format; name it by --format, which may be {ALLOWED}")
    return found


def _found_format(source: Path) -> SourceFormat | None:
    if not source.is_dir():
        return {".json": "coco", ".xml": "cvat"}.get(source.suffix.lower())  # type: ignore[return-value]
    endings: dict[str, SourceFormat] = {".xml": "cvat", ".json": "labelme"}
    for ending, format in endings.items():
        if label_files(source, ending):
            return format
    pictures = [path for files in label_files(source, ".png").values() for path in files[:1]]
    return _format_of_picture(pictures[0]) if pictures else None


def _format_of_picture(path: Path) -> SourceFormat:
    """Label pictures of neither kind are refused by the reader, which says why."""
    try:
        with Image.open(path) as picture:
            return "mots" if picture.mode == "I;16" else "palette"
    except Exception as error:  # decoders raise anything on damaged bytes
        raise UserError(f"{path}: damaged label picture ({error})") from None


def read_labelled_videos(
    source: Path, frames: Path, format: SourceFormat, names: CategoryNames | None = None
) -> LabelledVideos:
    """Labels in one of these formats. frames: the folder of all frames; names: for label pictures alone.

    Raises UserError naming the file and the place at fault.
    """
    if not frames.is_dir():
        raise UserError(f"{frames}: no such folder of frames")
    if names is not None and format not in ("mots", "palette"):
        raise UserError(f"--categories names the values of label pictures; the format {format} has names of its own")
    match format:
        case "coco":
            return read_coco_tracks(source)
        case "cvat":
            return read_cvat_videos(source, frames)
        case "labelme":
            return read_labelme(source, frames)
        case "mots":
            return read_mots_pictures(source, frames, names)
        case "palette":
            return read_palette_pictures(source, frames, names)
