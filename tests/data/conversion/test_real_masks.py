"""Real masks, written in each format that can hold any mask, and read back: the same codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from foreign_labels import cvat_mask, labelme_mask
from PIL import Image

from vita.core.contract import Rle
from vita.data.conversion.label_pictures import CategoryNames
from vita.data.conversion.labelled_videos import LabelledVideos
from vita.data.conversion.source_formats import read_labelled_videos
from vita.data.masks import rle
from vita.data.ytvis import Instance, Split, read_split

REAL = Path(__file__).parents[4] / "shared" / "real"
pytestmark = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL}")


@dataclass(frozen=True)
class Label:
    """One object of the real data in one frame."""

    video: str
    frame: Path
    name: str
    mask: np.ndarray
    code: Rle


@pytest.fixture(scope="module")
def real() -> Split:
    return read_split(REAL / "instances.json", REAL / "frames")


def labels(split: Split) -> list[list[Label]]:
    """By video, for each frame that of its one object."""
    found = []
    for video, (one,) in zip(split.videos, split.instances, strict=True):
        masks = rle.decode(one.segmentations, video.height, video.width)
        frames = zip(video.frame_paths, masks, one.segmentations, strict=True)
        found.append([Label(video.name, *label) for label in _named(split, one, frames)])
    return found


def _named(split: Split, one: Instance, frames: object) -> list[tuple[Path, str, np.ndarray, Rle]]:
    return [(path, split.category_names[one.label], mask, code) for path, mask, code in frames]  # type: ignore


def write_palette(videos: list[list[Label]], folder: Path) -> CategoryNames:
    for label in (label for video in videos for label in video):
        picture = Image.fromarray(label.mask.astype(np.uint8) * 7)
        picture.putpalette([value for number in range(256) for value in (number, number, 255 - number)])
        (folder / label.video).mkdir(exist_ok=True)
        picture.save(folder / label.video / f"{label.frame.stem}.png")
    return CategoryNames(objects={video[0].video: {7: video[0].name} for video in videos})


def write_mots(videos: list[list[Label]], folder: Path) -> CategoryNames:
    names = sorted({video[0].name for video in videos})
    for label in (label for video in videos for label in video):
        value = (names.index(label.name) + 1) * 1000 + 5
        (folder / label.video).mkdir(exist_ok=True)
        pixels = np.where(label.mask, value, 0).astype(np.uint16)
        Image.fromarray(pixels).save(folder / label.video / f"{label.frame.stem}.png")
    return CategoryNames(categories=dict(enumerate(names, start=1)))


def write_labelme(videos: list[list[Label]], folder: Path) -> None:
    for label in (label for video in videos for label in video):
        shapes = []
        if label.mask.any():
            rows, columns = (np.flatnonzero(label.mask.any(axis=axis)) for axis in (1, 0))
            part = label.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            shapes = [{"label": label.name, **labelme_mask(part, int(rows[0]), int(columns[0]))}]
        (folder / label.video).mkdir(exist_ok=True)
        (folder / label.video / f"{label.frame.stem}.json").write_text(json.dumps({"shapes": shapes}))


def write_cvat(videos: list[list[Label]], folder: Path) -> None:
    for video in videos:
        shapes = "".join(cvat_mask(label.mask, t) for t, label in enumerate(video) if label.mask.any())
        labels = f"<labels><label><name>{video[0].name}</name></label></labels>"
        size = f"<size>{len(video)}</size>"
        (folder / f"{video[0].video}.xml").write_text(
            f"<annotations><meta><task>{size}{labels}</task></meta>"
            f'<track id="0" label="{video[0].name}">{shapes}</track></annotations>'
        )


def write_coco(videos: list[list[Label]], folder: Path) -> None:
    """Run lengths, as numbers."""
    frames = [label for video in videos for label in video]
    names = sorted({label.name for label in frames})
    images = [
        {
            "id": number,
            "file_name": f"{label.video}/{label.frame.name}",
            "height": label.mask.shape[0],
            "width": label.mask.shape[1],
        }
        for number, label in enumerate(frames)
    ]
    annotations = [
        {
            "id": number,
            "image_id": number,
            "category_id": names.index(label.name),
            "segmentation": {"size": label.code["size"], "counts": rle.run_lengths(label.code["counts"]).tolist()},
            "attributes": {"track_id": 12},
            "iscrowd": 0,
        }
        for number, label in enumerate(frames)
        if label.mask.any()
    ]
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "labels.json").write_text(json.dumps(document))


Write = Callable[[list[list[Label]], Path], CategoryNames | None]
FORMATS: dict[str, tuple[Write, str]] = {
    "palette": (write_palette, ""),
    "mots": (write_mots, ""),
    "labelme": (write_labelme, ""),
    "cvat": (write_cvat, ""),
    "coco": (write_coco, "labels.json"),
}


@pytest.mark.parametrize("format", FORMATS)
def test_real_masks_come_back_as_they_were(format: str, real: Split, tmp_path: Path) -> None:
    write, source = FORMATS[format]
    videos = labels(real)
    names = write(videos, tmp_path)
    read = read_labelled_videos(tmp_path / source, REAL / "frames", format, names)  # type: ignore[arg-type]
    assert codes_of(read) == {
        video[0].video: {t: label.code for t, label in enumerate(video) if label.mask.any()} for video in videos
    }
    categories = {
        video.name: read.categories[track.category] for video, track in zip(read.videos, read.tracks, strict=True)
    }
    assert categories == {video[0].video: video[0].name for video in videos}
    assert {video.name: video.frames for video in read.videos} == {
        video[0].video: tuple(f"{label.video}/{label.frame.name}" for label in video) for video in videos
    }


def codes_of(read: LabelledVideos) -> dict[str, dict[int, Rle]]:
    """Of each video the codes of its one object."""
    names = {video.id: video.name for video in read.videos}
    return {names[track.video]: track.masks for track in read.tracks}
