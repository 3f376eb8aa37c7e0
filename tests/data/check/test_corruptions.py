"""Each kind of corruption of a file of annotations is found, the offender is named, and nothing else is reported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checked_data import Data, Document, found

from vita.data.annotations.findings import Kind

V1, V2 = "video 1 (video_00000)", "video 2 (video_00001)"
A1, A2, A3 = f"annotation 1 of {V1}", f"annotation 2 of {V1}", f"annotation 3 of {V2}"


def video(document: Document, place: int = 0) -> Document:
    return document["videos"][place]


def one(document: Document, place: int = 0) -> Document:
    return document["annotations"][place]


def put(container: Any, key: Any, value: Any) -> None:
    container[key] = value


def shift(box: list[float]) -> list[float]:
    return [box[0] + 5, *box[1:]]


def inflate(code: Document) -> Document:
    """The frame's size doubled in height, the runs as they are."""
    return {**code, "size": [64, 48]}


def to_polygon(document: Document, *corners: Any) -> None:
    one(document)["segmentations"][1] = [list(corners)]


Change = Callable[[Document], Any]
CORRUPTIONS: dict[str, tuple[Change, set[tuple[str, str]]]] = {
    "entry that is no object": (
        lambda d: d["annotations"].append(7),
        {("structure", "`annotations` entry 4")},
    ),
    "video without id": (
        lambda d: d["videos"].append({"height": 32}),
        {("structure", "`videos` entry 2")},
    ),
    "annotation without masks": (lambda d: one(d).pop("segmentations"), {("structure", A1)}),
    "masks that are no list": (lambda d: one(d).update(segmentations={}), {("structure", A1)}),
    "boxes that are no list": (lambda d: one(d).update(bboxes="none"), {("structure", A1)}),
    "names that are no list": (lambda d: video(d).update(file_names="a"), {("structure", "video 1")}),
    "crowd of another type": (lambda d: one(d).update(iscrowd="no"), {("structure", A1)}),
    "id as text": (lambda d: one(d).update(id="1"), {("id", "`annotations` entry 0")}),
    "id as fraction": (lambda d: one(d).update(id=1.5), {("id", "`annotations` entry 0")}),
    "id beyond 64 bits": (lambda d: one(d).update(id=10**30), {("id", "`annotations` entry 0")}),
    "category id as text": (lambda d: one(d).update(category_id="1"), {("id", A1)}),
    "annotation ids twice": (lambda d: one(d, 1).update(id=1), {("duplicate-id", "annotation 1")}),
    "category ids twice": (
        lambda d: d["categories"].append({"id": 1, "name": "dog"}),
        {("duplicate-id", "category 1")},
    ),
    "annotation of no video": (lambda d: one(d).update(video_id=99), {("unknown-video", "annotation 1")}),
    "annotation of no category": (lambda d: one(d).update(category_id=9), {("unknown-category", A1)}),
    "length that is not": (lambda d: video(d).update(length=10**9), {("length", V1)}),
    "masks too few": (lambda d: one(d)["segmentations"].pop(), {("length", A1)}),
    "boxes too many": (lambda d: one(d)["bboxes"].append(None), {("length", A1)}),
    "areas too few": (lambda d: one(d)["areas"].pop(), {("length", A1)}),
    "areas too few where the frames are unknown": (
        lambda d: (video(d).pop("file_names"), one(d)["areas"].pop()),
        {("structure", "video 1"), ("length", "annotation 1 of video 1")},
    ),
    "no height": (lambda d: video(d).pop("height"), {("size", V1)}),
    "height of a planet": (lambda d: video(d).update(height=10**9), {("size", V1)}),
    "width as text": (lambda d: video(d).update(width="48"), {("size", V1)}),
    "height below one": (lambda d: video(d).update(height=-32), {("size", V1)}),
    "name of a number": (lambda d: put(video(d)["file_names"], 1, 5), {("file-name", f"{V1}, frame 1")}),
    "name with a zero byte": (lambda d: put(video(d)["file_names"], 1, "a\0b"), {("file-name", f"{V1}, frame 1")}),
    "name of half a letter": (lambda d: put(video(d)["file_names"], 1, "\ud800"), {("file-name", f"{V1}, frame 1")}),
    "name with backslashes": (
        lambda d: put(video(d)["file_names"], 1, "video_00000\\00001.jpg"),
        {("file-name", f"{V1}, frame 1")},
    ),
    "empty name": (lambda d: put(video(d)["file_names"], 1, ""), {("file-name", f"{V1}, frame 1")}),
    "name upwards": (
        lambda d: put(video(d)["file_names"], 1, "../../secret.jpg"),
        {("leaves-root", f"{V1}, frame 1")},
    ),
    "absolute name": (lambda d: put(video(d)["file_names"], 1, "/etc/passwd"), {("leaves-root", f"{V1}, frame 1")}),
    "backslashes upwards": (
        lambda d: put(video(d)["file_names"], 1, "video_00000\\..\\..\\secret.jpg"),
        {("leaves-root", f"{V1}, frame 1")},
    ),
    "name on a drive": (
        lambda d: put(video(d)["file_names"], 1, "C:\\secret.jpg"),
        {("leaves-root", f"{V1}, frame 1")},
    ),
    "frame twice": (
        lambda d: put(video(d)["file_names"], 1, "video_00000/00000.jpg"),
        {("frame-repeated", V1)},
    ),
    "frame of another video": (
        lambda d: put(video(d, 1)["file_names"], 0, "video_00000/00000.jpg"),
        {("frame-shared", "video 2 (video_00000)")},
    ),
    "frames out of order": (lambda d: video(d)["file_names"].reverse(), {("frame-order", V1)}),
    "frame that is not there": (
        lambda d: put(video(d)["file_names"], 2, "video_00000/00003.jpg"),
        {("frame-missing", f"{V1}, frame 2")},
    ),
    "mask of no form": (lambda d: put(one(d)["segmentations"], 1, "mask"), {("mask", f"{A1}, frame 1")}),
    "mask cut short": (
        lambda d: put(one(d)["segmentations"][1], "counts", one(d)["segmentations"][1]["counts"][:-1] + "o"),
        {("mask", f"{A1}, frame 1")},
    ),
    "runs beyond the frame": (
        lambda d: put(one(d)["segmentations"], 1, {"size": [32, 48], "counts": [0, 32 * 48 + 1]}),
        {("mask", f"{A1}, frame 1")},
    ),
    "runs below zero": (
        lambda d: put(one(d)["segmentations"], 1, {"size": [32, 48], "counts": [-1, 32 * 48 + 1]}),
        {("mask", f"{A1}, frame 1")},
    ),
    "runs of a planet": (
        lambda d: put(one(d)["segmentations"], 1, {"size": [32, 48], "counts": [10**25]}),
        {("mask", f"{A1}, frame 1")},
    ),
    "polygon of two corners": (lambda d: to_polygon(d, 0, 0, 5, 5), {("mask", f"{A1}, frame 1")}),
    "polygon beyond all frames": (lambda d: to_polygon(d, 0, 0, 1e9, 0, 0, 1e9), {("mask", f"{A1}, frame 1")}),
    "polygon of no numbers": (
        lambda d: to_polygon(d, 0, 0, float("nan"), 0, 9, 9),
        {("mask", f"{A1}, frame 1")},
    ),
    "mask of another size": (
        lambda d: put(one(d)["segmentations"], 1, inflate(one(d)["segmentations"][1])),
        {("mask-size", f"{A1}, frame 1")},
    ),
    "mask without a pixel": (
        lambda d: [
            put(one(d)["segmentations"], 1, {"size": [32, 48], "counts": [32 * 48]}),
            put(one(d)["bboxes"], 1, None),
            put(one(d)["areas"], 1, None),
        ],
        {("mask-empty", f"{A1}, frame 1")},
    ),
    "area doubled": (lambda d: put(one(d)["areas"], 1, 2 * one(d)["areas"][1]), {("area", f"{A1}, frame 1")}),
    "area that is no number": (lambda d: put(one(d)["areas"], 1, float("nan")), {("area", f"{A1}, frame 1")}),
    "area without a mask": (
        lambda d: [put(one(d)["segmentations"], 1, None), put(one(d)["bboxes"], 1, None)],
        {("area", f"{A1}, frame 1")},
    ),
    "mask without an area": (lambda d: put(one(d)["areas"], 1, None), {("area", f"{A1}, frame 1")}),
    "box moved": (lambda d: put(one(d)["bboxes"], 1, shift(one(d)["bboxes"][1])), {("box", f"{A1}, frame 1")}),
    "box of three": (lambda d: one(d)["bboxes"][1].pop(), {("box", f"{A1}, frame 1")}),
    "object twice": (
        lambda d: d["annotations"].append({**one(d), "id": 10}),
        {("duplicate-object", f"annotation 10 of {V1}")},
    ),
    "object never seen": (
        lambda d: one(d).update(segmentations=[None] * 3, bboxes=[None] * 3, areas=[None] * 3),
        {("never-visible", A1)},
    ),
    "size repeated wrongly": (lambda d: one(d).update(height=48, width=32), {("annotation-size", A1)}),
    "video without annotation": (
        lambda d: d.update(annotations=d["annotations"][2:], categories=d["categories"][1:]),
        {("empty-video", V1)},
    ),
    "category without annotation": (
        lambda d: d["categories"].append({"id": 9, "name": "dog"}),
        {("unused-category", "category 9")},
    ),
    "no video": (lambda d: d.update(videos=[], annotations=[]), {("no-video", "`videos`")}),
    "crowds alone": (
        lambda d: [entry.update(iscrowd=1) for entry in d["annotations"]],
        {("nothing-to-learn", "`annotations`")},
    ),
    "category name twice": (
        lambda d: d["categories"][1].update(name=d["categories"][0]["name"]),
        {("category-name", "category 2")},
    ),
    "category without name": (lambda d: d["categories"][1].pop("name"), {("category-name", "category 2")}),
}


@pytest.mark.parametrize("change, expected", CORRUPTIONS.values(), ids=CORRUPTIONS.keys())
def test_corruptions(data: Data, change: Change, expected: set[tuple[str, str]]) -> None:
    document = data.read()
    change(document)
    data.write(document)
    assert found(data.check()) == expected


def test_clean_data(clean: Data) -> None:
    report = clean.check()
    assert found(report) == set()
    assert (report.checked.videos, report.checked.objects, report.checked.masks) == (2, 4, 12)
    assert report.checked.frames_listed == report.checked.frames_opened == 6


def test_every_kind_has_a_corruption() -> None:
    """Except those of files of frames and of the data set's YAML, which have tests of their own."""
    elsewhere = {"frame-damaged", "frame-size", "frame-pixels", "frame-turned"}
    elsewhere |= {"categories", "count", "no-labels", "local-split", "no-local-split"}
    assert {kind for _, expected in CORRUPTIONS.values() for kind, _ in expected} | elsewhere == {
        kind.label for kind in Kind
    }


def test_every_kind_is_documented() -> None:
    document = (Path(__file__).parents[3] / "docs" / "data_check.md").read_text()
    rows = [line for line in document.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{kind.label}` | {kind.severity} | {kind.meaning} |" for kind in Kind]
