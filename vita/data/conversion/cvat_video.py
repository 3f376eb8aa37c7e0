"""CVAT's "CVAT for video 1.1": an XML file a video, with a track for each object and a shape for each of its frames.

CVAT writes shapes between key frames out, and one with `outside="1"` where an object leaves. Frame n of the file is
picture n, in natural order, of `<frames>/<name of the XML file>/`; for a file called `annotations.xml` the name is that
of its folder.

Legend: H W pixels.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from vita.core.contract import Rle, UserError
from vita.data.conversion.cvat_xml import CvatShape, CvatTrack, CvatVideo, read_cvat_xml
from vita.data.conversion.frame_folders import FrameFolder, label_files
from vita.data.conversion.labelled_videos import LabelledVideo, LabelledVideos, TrackCollector
from vita.data.masks import rle
from vita.data.masks.rle import short
from vita.data.pictures import picture_size
from vita.data.safe_paths import resolved

Size = tuple[int, int]
DEFAULT_NAME = "annotations"  # of the XML file in an export
PICTURES_OF_EXPORT = "images"  # the folder beside it


def read_cvat_videos(source: Path, frames: Path) -> LabelledVideos:
    """The content of an XML file, or of all XML files of a folder. Raises UserError naming file, track and frame."""
    files = _xml_files(source)
    read = {path: read_cvat_xml(path) for path in files}
    labels = dict.fromkeys(label for video in read.values() for label in video.labels)
    ids = {label: number for number, label in enumerate(labels, start=1)}
    videos, collector = [], TrackCollector()
    for number, (path, content) in enumerate(read.items(), start=1):
        video = _video(number, path, content, _frame_folder(path, source, frames, len(files) == 1), frames)
        for place, track in enumerate(content.tracks):
            _add(track, place, video, path, ids, collector)
        _check_written_out(content, path)
        videos.append(video)
    return LabelledVideos(tuple(videos), {n: label for label, n in ids.items()}, collector.tracks(), collector.left_out)


def _xml_files(source: Path) -> list[Path]:
    if not source.is_dir():
        return [source]
    files = [path for listed in label_files(source, ".xml").values() for path in listed]
    if not files:
        raise UserError(f"{source}: no .xml file in this folder or one below it")
    return files


def _frame_folder(path: Path, source: Path, frames: Path, alone: bool) -> FrameFolder:
    """The pictures of a file's video, where people have them; one file may have those of `frames` itself."""
    named = path.parent if path.stem == DEFAULT_NAME else path.with_suffix("")
    root = source if source.is_dir() else source.parent
    name = named.relative_to(root).as_posix().removeprefix(".")
    places = [name, f"{name}/{PICTURES_OF_EXPORT}".lstrip("/"), *([PICTURES_OF_EXPORT, ""] if alone else [])]
    return FrameFolder(frames, next((place for place in places if (frames / place).is_dir() and place), places[-1]))


def _video(number: int, path: Path, content: CvatVideo, folder: FrameFolder, frames: Path) -> LabelledVideo:
    count, (height, width) = len(folder.names), picture_size(frames / folder.names[0], resolved(frames))
    found = {"size": count, "width": width, "height": height}
    for key, stated in content.facts.items():
        if stated != str(found[key]):
            raise UserError(
                f"{path}: `{key}` is {short(stated)}, but {folder.folder} has {found[key]}: the frames of the task are "
                "needed there, all of them, in their order and as large as in CVAT (its export can save them)"
            )
    return LabelledVideo(number, folder.folder.name, tuple(folder.names), height, width)


def _add(
    track: CvatTrack, place: int, video: LabelledVideo, path: Path, ids: dict[str, int], collector: TrackCollector
) -> None:
    label = track.attributes.get("label", "")
    name = f"{path}: track {short(track.attributes.get('id', place))} ('{label}')"
    if label not in ids:
        raise UserError(f"{name}: its label is not among those of the file's `meta`: {short(list(ids))}")
    for shape in track.shapes:
        frame = _frame(shape, name, len(video.frames))
        if not shape.is_outside:
            where = f"{name}, frame {frame}"
            try:
                mask = _mask(shape, (video.height, video.width))
            except ValueError as error:
                raise UserError(f"{where}: {error}") from None
            collector.add(video.id, place, ids[label], frame, mask, where)


def _frame(shape: CvatShape, name: str, frames: int) -> int:
    text = shape.attributes.get("frame", "")
    if not text.isdecimal() or len(text) > 18 or int(text) >= frames:
        raise UserError(f"{name}: a <{shape.kind}> of frame {short(text)}; the video has the frames 0 to {frames - 1}")
    return int(text)


def _check_written_out(content: CvatVideo, path: Path) -> None:
    """Raises UserError when only key frames are written: masks between them would be missing without a word."""
    if any(shape.attributes.get("keyframe") == "0" for track in content.tracks for shape in track.shapes):
        return
    for track in content.tracks:
        shapes = sorted(track.shapes, key=lambda shape: int(shape.attributes["frame"]))
        for earlier, later in pairwise(shapes):
            first, second = int(earlier.attributes["frame"]), int(later.attributes["frame"])
            if not earlier.is_outside and second > first + 1:
                name = short(track.attributes.get("id"))
                raise UserError(
                    f"{path}: track {name}: nothing between the frames {first} and {second}: only key frames are "
                    "written; export from CVAT as 'CVAT for video 1.1', which writes all frames"
                )


def _mask(shape: CvatShape, size: Size) -> Rle:
    """Raises ValueError saying what is wrong, without the place."""
    if shape.kind == "polygon":
        corners = [corner.split(",") for corner in shape.attributes.get("points", "").split(";")]
        if any(len(corner) != 2 for corner in corners):
            raise ValueError(f"`points` must be x,y;x,y;..., not {short(shape.attributes.get('points'))}")
        return rle.normalise([[float(value) for corner in corners for value in corner]], *size)
    if shape.kind == "mask":
        return _placed_mask(shape, size)
    what = "a box without a mask" if shape.kind == "box" else f"a shape of the type {shape.kind}"
    raise ValueError(f"{what}; only polygons and masks are outlines of an object: draw one, or remove the track")


def _placed_mask(shape: CvatShape, size: Size) -> Rle:
    """Run lengths along the rows of a box, of unset and set pixels in turn."""
    left, top, width, height = (_whole(shape, key) for key in ("left", "top", "width", "height"))
    if left + width > size[1] or top + height > size[0]:
        raise ValueError(f"the mask reaches out of the frame of {list(size)} (height, width)")
    texts = shape.attributes.get("rle", "").split(",")
    if not all(text.strip().isdecimal() and len(text) < 18 for text in texts):
        raise ValueError(f"`rle` must be whole numbers with commas, not {short(shape.attributes.get('rle'))}")
    runs = [int(text) for text in texts]
    if sum(runs) != width * height:
        raise ValueError(f"run lengths add up to {sum(runs)} pixels in a box of {width * height}")
    mask = np.zeros((1, *size), bool)
    mask[0, top : top + height, left : left + width] = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(
        height, width
    )
    return rle.encode(mask)[0]


def _whole(shape: CvatShape, key: str) -> int:
    text = shape.attributes.get(key, "")
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(f"`{key}` must be a whole number, not {short(shape.attributes.get(key))}")
    return int(text)
