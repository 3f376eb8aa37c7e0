"""COCO files as videos of one frame: polygons kept, crowds marked, faults named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coco_files import box, document, write
from pycocotools import mask as coco_mask

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.data.coco import read_coco
from vita.data.dataset import read_part
from vita.data.masks.polygons import Polygons, code_of
from vita.data.ytvis import Split, read_video_frame


@pytest.fixture
def split(tmp_path: Path) -> Split:
    return read_coco(*write(tmp_path))


def test_images_are_videos_of_one_frame_by_id(split: Split) -> None:
    assert [(video.id, video.height, video.width, len(video.frame_paths)) for video in split.videos] == [
        (2, 24, 16, 1),
        (5, 20, 30, 1),
        (9, 20, 30, 1),
    ]
    assert read_video_frame(split.videos[1], 0).shape == (20, 30, 3)
    assert split.category_ids == (1, 3, 17) and split.category_names == ("person", "car", "cat")


def test_objects_of_each_image_in_the_order_of_the_file(split: Split) -> None:
    found = [[(one.id, one.label, one.is_crowd) for one in objects] for objects in split.instances]
    assert found == [[(71, 2, False), (72, 1, False)], [(70, 0, False), (60, 0, True)], []]
    assert len(split.instances) == 3
    with pytest.raises(IndexError):
        split.instances[3]


def test_polygons_stay_polygons_and_fill_as_pycocotools_fills_them(split: Split) -> None:
    (person, crowd), (cat, car) = split.instances[1], split.instances[0]
    (polygons,) = person.segmentations
    assert isinstance(polygons, Polygons) and len(polygons.outlines) == 2
    mask = polygons.mask((20, 30))
    expected = np.zeros((20, 30), bool)
    expected[3:9, 2:8] = expected[3:9, 10:12] = True
    np.testing.assert_array_equal(mask, expected)
    assert isinstance(cat.segmentations[0], Polygons) and len(cat.segmentations[0].outlines) == 1  # a line is left out
    theirs = coco_mask.merge(coco_mask.frPyObjects([box(4.5, 12, 14.5, 20)], 24, 16))
    assert code_of(car.segmentations[0], (24, 16)) == {"size": [24, 16], "counts": theirs["counts"].decode()}
    # 100 pixels down the columns of 20 are 5 columns; 40 more are 2.
    decoded = coco_mask.decode(crowd.segmentations[0]).astype(bool)
    assert decoded[:, 5:7].all() and decoded.sum() == 40


def test_numbers_are_kept_to_the_last_digit(tmp_path: Path) -> None:
    content = document()
    content["annotations"][3]["segmentation"] = [[0.1, 0.2, 7.3, 0.7, 3.3, 9.87]]
    (car,) = [one for one in read_coco(*write(tmp_path, content)).instances[0] if one.id == 72]
    assert isinstance(car.segmentations[0], Polygons)
    assert car.segmentations[0].outlines[0].tolist() == [[0.1, 0.2], [7.3, 0.7], [3.3, 9.87]]


def test_an_object_without_any_outline_is_never_seen(tmp_path: Path) -> None:
    content = document()
    content["annotations"][1]["segmentation"] = [[0, 0, 1, 1]]
    (cat, _) = read_coco(*write(tmp_path, content)).instances[0]
    assert cat.segmentations == (None,)


def test_a_file_without_objects(tmp_path: Path) -> None:
    split = read_coco(*write(tmp_path, document() | {"annotations": []}))
    assert list(split.instances) == [(), (), ()]


def test_the_configured_format_decides(tmp_path: Path) -> None:
    write(tmp_path)
    files = {"annotations": "annotations/instances_train2017.json", "frames": "train2017"}
    config = DatasetConfig(name="coco", root=str(tmp_path), format="coco", train=files, valid=files, limit_videos=2)
    split = read_part(config, "train")
    assert [video.id for video in split.videos] == [2, 5] and len(split.instances) == 2


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no images": (
        lambda d: d.pop("images"),
        "not a COCO file: it needs the lists `images` and `categories`, but `images` is missing",
    ),
    "no file name": (lambda d: d["images"][1].pop("file_name"), "image 2: the key `file_name` is missing"),
    "leaves": (lambda d: d["images"][0].update(file_name="../x.jpg"), "file name '../x.jpg' leaves"),
    "image": (lambda d: d["annotations"][0].update(image_id=6), "annotation 70: no image has the id 6"),
    "category": (
        lambda d: d["annotations"][0].update(category_id=2),
        r"annotation 70 of image 5: unknown category 2; known: \[1, 3, 17\]",
    ),
    "crowd": (lambda d: d["annotations"][0].update(iscrowd="no"), "`iscrowd` must be 0 or 1, not 'no'"),
    "twice": (lambda d: d["annotations"][1].update(id=70), "annotation 70: `annotations` entries 0 and 1 have this id"),
    "odd": (
        lambda d: d["annotations"][0]["segmentation"][0].pop(),
        "annotation 70 of image 5: a polygon is a list of x, y pairs, but this one has 7 numbers",
    ),
    "text": (lambda d: d["annotations"][0]["segmentation"][0].__setitem__(3, "1"), "a polygon must be numbers"),
    "far": (lambda d: d["annotations"][0]["segmentation"][0].__setitem__(2, 1e9), "reaches far out of the image"),
    "nan": (lambda d: d["annotations"][0]["segmentation"][0].__setitem__(2, float("nan")), "reaches far out"),
    "code": (lambda d: d["annotations"][2]["segmentation"].update(counts=[5]), "annotation 60 of image 5: run lengths"),
    "null": (lambda d: d["annotations"][2].update(segmentation=None), "annotation 60 of image 5: neither"),
}


@pytest.mark.parametrize(("edit", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_are_named(tmp_path: Path, edit: Callable[[dict[str, Any]], Any], message: str) -> None:
    content = document()
    edit(content)
    with pytest.raises(UserError, match=message):
        read_coco(*write(tmp_path, content))


def test_missing_folder(tmp_path: Path) -> None:
    path, _ = write(tmp_path)
    with pytest.raises(UserError, match="no such folder of images"):
        read_coco(path, tmp_path / "elsewhere")
