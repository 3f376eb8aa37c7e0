"""What is wrong in labels of other tools is one line with file and place, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from foreign_labels import (
    cvat_polygon,
    cvat_xml,
    write_coco,
    write_cvat,
    write_frames,
    write_labelme,
    write_palette,
)
from PIL import Image

from vita.core.contract import UserError
from vita.data.conversion.label_pictures import CategoryNames
from vita.data.conversion.labelled_videos import LabelledVideos
from vita.data.conversion.source_formats import SourceFormat, read_labelled_videos
from vita.data.conversion.write import write_labelled_videos

BOX = (1, 1, 3, 4)
BOMB = '<!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><annotations>&b;</annotations>'
OUTSIDE_FILE = '<!DOCTYPE annotations SYSTEM "file:///etc/passwd"><annotations/>'


def read(
    folder: Path, source: Path, format: SourceFormat, names: dict[str, Any] | None = None, frames: Path | None = None
) -> LabelledVideos:
    frames = frames or folder / "frames"
    if not frames.exists():
        write_frames(frames)
    return read_labelled_videos(source, frames, format, None if names is None else CategoryNames(**names))


def refused(*arguments: Any, **named: Any) -> str:
    """The message."""
    with pytest.raises(UserError) as error:
        read(*arguments, **named)
    return str(error.value)


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (BOMB, "declares a document type"),
        (OUTSIDE_FILE, "declares a document type"),
        ("<annotations><meta>", "not valid XML"),
        ("\0\0", "not valid XML"),
        ('<?xml version="1.0" encoding="no-such"?><annotations/>', "not valid XML"),
        ("<html/>", "begins with <html>"),
        ('<annotations><image id="0" name="a.jpg"/></annotations>', "has no tracks; export as 'CVAT for video 1.1'"),
        ("<annotations><meta><project><id>1</id></project></meta></annotations>", "export of a project"),
        (cvat_xml({"cat": []}, size=4), "`size` is '4', but"),
        (cvat_xml({"bird": []}), "('bird'): its label is not among those of the file's `meta`: ['cat', 'dog']"),
        (cvat_xml({"cat": [cvat_polygon(BOX, 3)]}), "a <polygon> of frame '3'; the video has the frames 0 to 2"),
        (cvat_xml({"cat": [cvat_polygon(BOX, 0), cvat_polygon(BOX, 2)]}), "only key frames are written"),
        (cvat_xml({"cat": ['<box frame="1" outside="0" xtl="0"/>']}), "('cat'), frame 1: a box without a mask"),
        (cvat_xml({"cat": ['<points frame="1" outside="0"/>']}), "a shape of the type points"),
        (cvat_xml({"cat": ['<polygon frame="1" points="1,2;3"/>']}), "`points` must be x,y;x,y;..., not '1,2;3'"),
        (cvat_xml({"cat": ['<polygon frame="1" points="1,2;3,nan;0,0"/>']}), "reaches far out"),
        (cvat_xml({"cat": ['<polygon frame="1" points="1,2;3,4"/>']}), "at least three x, y pairs"),
        (
            cvat_xml({"cat": ['<mask frame="1" rle="3, 4" left="0" top="0" width="2" height="3"/>']}),
            "run lengths add up to 7 pixels in a box of 6",
        ),
        (
            cvat_xml({"cat": ['<mask frame="1" rle="6" left="7" top="0" width="2" height="3"/>']}),
            "reaches out of the frame of [6, 8]",
        ),
        (cvat_xml({"cat": ['<mask frame="1" rle="6" left="-1" top="0"/>']}), "`left` must be a whole number, not '-1'"),
    ],
)  # fmt: skip
def test_cvat(xml: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.xml"
    path.write_text(xml)
    told = refused(tmp_path, path, "cvat")
    assert told.startswith(f"{path}: ")
    assert message in told


def changed_coco(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    write_coco(path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["annotations"][0].pop("instance_id"), "annotation 0 of image 1 (clip): it has no `instance_id`"),
        (lambda d: d["annotations"][0].update(instance_id=[1]), "must be a whole number or text, not [1]"),
        (lambda d: d["annotations"][0].update(segmentation=[], bbox=[0, 0, 4, 5]), "a box [0, 0, 4, 5] without a mask"),
        (lambda d: d["annotations"][1].update(category_id=2), "another category (or `iscrowd`) here than in"),
        (lambda d: d["annotations"][0].update(category_id=5), "unknown category 5"),
        (lambda d: d["annotations"][0].update(segmentation=[1, 2, 3, 4, 5, 6]), "put it into brackets"),
        (lambda d: d["images"][0].update(file_name="../secret.jpg"), "leaves the frame folder"),
        (lambda d: d["images"][0].update(width=9), "all frames of a video have one size"),
        (lambda d: d["images"][0].update(frame_id=0), "`frame_id` 0 is also that of image 3 (clip) of the same video"),
        (lambda d: d["images"][0].pop("frame_id"), "`frame_id` must be a whole number, but is None"),
        (lambda d: d["images"][0].pop("video_id"), "`video_id` must be a whole number, but is missing, though"),
        (lambda d: d.pop("images"), "a YouTube-VIS file is used as it is"),
        (lambda d: d.pop("categories"), "not a COCO file"),
    ],
)  # fmt: skip
def test_coco(change: Callable[[dict[str, Any]], object], message: str, tmp_path: Path) -> None:
    path = changed_coco(tmp_path / "labels.json", change)
    told = refused(tmp_path, path, "coco")
    assert told.startswith(f"{path}: ")
    assert message in told


def test_an_empty_segmentation_without_a_box_is_an_object_that_is_not_seen(tmp_path: Path) -> None:
    for absent in ([], {}, "", None):
        path = changed_coco(tmp_path / "labels.json", lambda d, a=absent: d["annotations"][0].update(segmentation=a))
        content = read(tmp_path, path, "coco")
        assert sorted(content.tracks[0].masks) == [1]
        assert content.left_out["annotations without a mask, of objects that are not seen"] == 1
        assert content.left_out["unused category 0 'animals'"] == 1


def spoil(path: Path, **values: Any) -> Path:
    """Change keys of the first shape of a labelme file."""
    document = json.loads(path.read_text())
    document["shapes"][0].update(values)
    path.write_text(json.dumps(document | values.get("document", {})))
    return path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"label": ""}, "shape 0: its `label` must be text"),
        ({"group_id": "a"}, "shape 0 ('cat'): `group_id` must be a whole number or null"),
        ({"shape_type": "rectangle"}, "shape 0 ('cat'): a box without a mask"),
        ({"shape_type": "line"}, "a shape of the type 'line'"),
        ({"points": [[1, 2], [3]]}, "`points` must be a list of [x, y]"),
        ({"shape_type": "mask", "points": [[0, 0], [1, 1]], "mask": "?"}, "`mask` must be a grey PNG in base 64"),
        ({"document": {"imagePath": "other.jpg"}}, "which has another name"),
        ({"document": {"imageWidth": 9}}, "it states the size (6, 9), the frames have (6, 8)"),
        ({"document": {"shapes": None}}, "it needs the list `shapes`"),
    ],
)
def test_labelme(values: dict[str, Any], message: str, tmp_path: Path) -> None:
    write_labelme(tmp_path / "labels")
    path = spoil(tmp_path / "labels/clip/8.json", **values)
    told = refused(tmp_path, tmp_path / "labels", "labelme")
    assert told.startswith(f"{path}: ")
    assert message in told


@pytest.mark.parametrize(
    ("format", "mode", "names", "message"),
    [
        ("palette", "L", None, "whose pixels are numbers of objects, is needed; this picture has the mode L"),
        ("palette", "I;16", None, "this picture has the mode I;16"),
        ("mots", "P", None, "this picture has the mode P"),
        ("palette", "P", {"objects": {"clip": {1: "cat"}}}, "the value 2 of video 'clip' has no category; known are"),
        ("palette", "P", {"objects": {"other": {1: "cat"}}}, "the value 1 of video 'clip' has no category"),
        ("mots", "I;16", {"categories": {7: "cat"}}, "the value 1001 of video 'clip' has no category"),
        ("labelme", "P", {}, "--categories names the values of label pictures"),
    ],
)  # fmt: skip
def test_label_pictures(format: Any, mode: str, names: Any, message: str, tmp_path: Path) -> None:
    values = {"cat": 1001, "dog": 2001} if mode == "I;16" else {"cat": 1, "dog": 2}
    write_palette(tmp_path / "labels", values, mode)
    assert message in refused(tmp_path, tmp_path / "labels", format, names)


def test_values_that_are_not_labelled_are_left_out_and_counted(tmp_path: Path) -> None:
    write_palette(tmp_path / "davis", {"cat": 1, "dog": 255})
    write_palette(tmp_path / "mots", {"cat": 1001, "dog": 10_000}, "I;16")
    for format in ("palette", "mots"):
        content = read(tmp_path, tmp_path / ("davis" if format == "palette" else "mots"), format)  # type: ignore
        assert len(content.tracks) == 1
        assert sum(count for what, count in content.left_out.items() if "not labelled" in what) == 2  # frames 1 and 2


def test_frames_and_labels_must_fit(tmp_path: Path) -> None:
    write_palette(tmp_path / "labels", {"cat": 1, "dog": 2})
    frames = write_frames(tmp_path / "frames")
    (frames / "clip/9.jpg").rename(frames / "clip/09.jpg")
    assert "9.png: no picture 9.* in" in refused(tmp_path, tmp_path / "labels", "palette")
    (frames / "clip/09.jpg").rename(frames / "clip/9.jpg")
    Image.new("RGB", (8, 6)).save(frames / "clip/9.bmp")
    assert "both clip/9.bmp and clip/9.jpg" in refused(tmp_path, tmp_path / "labels", "palette")
    (frames / "clip/9.bmp").unlink()
    (tmp_path / "labels/clip/9.PNG").write_bytes((tmp_path / "labels/clip/9.png").read_bytes())
    assert "9.png is of the same frame" in refused(tmp_path, tmp_path / "labels", "palette")
    (tmp_path / "labels/clip/9.PNG").unlink()
    Image.new("RGB", (9, 6)).save(frames / "clip/9.jpg")
    content = read(tmp_path, tmp_path / "labels", "palette")
    with pytest.raises(UserError, match=r"9.jpg: size \[6, 9\], but the labels of video 'clip' have \[6, 8\]"):
        write_labelled_videos(content, frames, tmp_path / "mine", "train")
    assert not (tmp_path / "mine").exists()
    assert "no such folder of frames" in refused(
        tmp_path, tmp_path / "labels", "palette", frames=tmp_path / "labels/clip/8.png"
    )


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "elsewhere")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/clip").symlink_to(frames / "clip")
    write_palette(tmp_path / "labels", {"cat": 1, "dog": 2})
    assert "a link that leads out" in refused(tmp_path, tmp_path / "labels", "palette")
    (tmp_path / "frames/clip").unlink()
    write_frames(tmp_path / "frames", "clip")
    (tmp_path / "secret.png").write_bytes((tmp_path / "labels/clip/9.png").read_bytes())
    (tmp_path / "labels/clip/9.png").unlink()
    (tmp_path / "labels/clip/9.png").symlink_to(tmp_path / "secret.png")
    assert "a symbolic link to" in refused(tmp_path, tmp_path / "labels", "palette")


def test_other_data_is_not_replaced(tmp_path: Path) -> None:
    write_cvat(tmp_path / "clip.xml")
    content = read(tmp_path, tmp_path / "clip.xml", "cvat")
    for _ in range(2):  # what an earlier import wrote is
        write_labelled_videos(content, tmp_path / "frames", tmp_path / "mine", "train")
    annotations = tmp_path / "mine/train/instances.json"
    annotations.write_text('{"videos": []}')
    with pytest.raises(UserError, match=r"instances\.json: it is there already"):
        write_labelled_videos(content, tmp_path / "frames", tmp_path / "mine", "train")
    assert annotations.read_text() == '{"videos": []}'
    (tmp_path / "yours/train/JPEGImages").mkdir(parents=True)
    with pytest.raises(UserError, match="JPEGImages: it is there already, and is no link"):
        write_labelled_videos(content, tmp_path / "frames", tmp_path / "yours", "train")


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    write_palette(tmp_path / "labels", {"cat": 1, "dog": 2})
    for path in (frames / "clip/._8.jpg", tmp_path / "labels/clip/._8.png", tmp_path / "labels/.cache/clip/8.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(np.arange(40, dtype=np.uint8).tobytes())
    assert read(tmp_path, tmp_path / "labels", "palette").videos[0].frames == (
        "clip/8.jpg",
        "clip/9.jpg",
        "clip/10.jpg",
    )
