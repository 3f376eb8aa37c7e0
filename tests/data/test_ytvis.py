"""Reading YouTube-VIS files: every form of mask, and one clear error for every kind of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from vita.core.contract import UserError, Video
from vita.data.dataset import first_videos
from vita.data.masks import rle
from vita.data.ytvis import Split, read_split, read_video_frame

Document = dict[str, Any]


def document() -> Document:
    """Two videos of 2 and 1 frames, 3 x 4 pixels. Column-major run lengths: 3 background, 2 object, 7 background."""
    mask = {"size": [3, 4], "counts": [3, 2, 7]}
    return {
        "videos": [
            {"id": 9, "height": 3, "width": 4, "length": 1, "file_names": ["b/00000.jpg"]},
            {"id": 5, "height": 3, "width": 4, "length": 2, "file_names": ["a/00000.jpg", "a/00005.jpg"]},
        ],
        "categories": [{"id": 30, "name": "cat"}, {"id": 7, "name": "dog"}],
        "annotations": [
            {"id": 1, "video_id": 5, "category_id": 30, "iscrowd": 0, "segmentations": [mask, None]},
            {"id": 2, "video_id": 9, "category_id": 7, "iscrowd": 1, "segmentations": [mask]},
        ],
    }


def read(tmp_path: Path, content: Document) -> Split:
    (tmp_path / "frames").mkdir(exist_ok=True)
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content))
    return read_split(path, tmp_path / "frames")


def test_videos_and_categories_are_sorted_by_id_and_labels_contiguous(tmp_path: Path) -> None:
    split = read(tmp_path, document())
    assert [video.id for video in split.videos] == [5, 9]
    assert split.videos[0].name == "a"
    assert split.videos[0].frame_paths[1] == tmp_path / "frames" / "a" / "00005.jpg"
    assert split.category_ids == (7, 30) and split.category_names == ("dog", "cat")
    (cat,), (crowd,) = split.instances
    assert (cat.id, cat.label, cat.is_crowd) == (1, 1, False)
    assert (crowd.id, crowd.label, crowd.is_crowd) == (2, 0, True)
    assert cat.segmentations[1] is None


def test_limit_keeps_the_first_videos_by_id(tmp_path: Path) -> None:
    split = first_videos(read(tmp_path, document()), 1)
    assert [video.id for video in split.videos] == [5]
    assert [[one.id for one in instances] for instances in split.instances] == [[1]]
    assert split.category_ids == (7, 30)


@pytest.mark.parametrize("hidden", ["missing", "null"])
def test_files_without_labels(tmp_path: Path, hidden: str) -> None:
    content = document()
    content["annotations"] = None
    if hidden == "missing":
        del content["annotations"]
    assert read(tmp_path, content).instances == ((), ())


def test_every_form_of_mask_reads_the_same() -> None:
    # Column-major: 3 background pixels are column 0, then rows 0 and 1 of column 1.
    expected = np.zeros((3, 4), bool)
    expected[:2, 1] = True
    compressed = rle.encode(expected[None])[0]
    polygon = [[1.0, 0.0, 2.0, 0.0, 2.0, 2.0, 1.0, 2.0]]
    bytes_counts = {"size": [3, 4], "counts": compressed["counts"].encode()}
    for form in ({"size": [3, 4], "counts": [3, 2, 7]}, compressed, polygon, bytes_counts):
        normal = rle.normalise(form, 3, 4)
        assert normal == compressed
        np.testing.assert_array_equal(rle.decode([normal], 3, 4)[0], expected)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))))
def test_encode_and_decode_are_inverse(masks: np.ndarray) -> None:
    height, width = masks.shape[1:]
    codes = rle.encode(masks)
    np.testing.assert_array_equal(rle.decode(codes, height, width), masks)
    assert [rle.normalise(code, height, width) for code in codes] == codes
    for code in codes:
        with pytest.raises(ValueError, match=f"add up to {height * width} pixels in a frame of {2 * height * width}"):
            rle.normalise({**code, "size": [2 * height, width]}, 2 * height, width)


def test_long_runs_in_compressed_codes() -> None:
    """Runs of several base-32 digits, and runs shorter than the last but one (negative differences)."""
    masks = np.zeros((1, 300, 400), bool)
    masks[0, 20:290, 100:300] = True
    masks[0, 50:60, 150:350] ^= True
    (code,) = rle.encode(masks)
    assert rle.normalise(code, 300, 400) == code


def spoil(change: Callable[[Document], Any]) -> Document:
    content = document()
    change(content)
    return content


def annotation(content: Document) -> Document:
    return content["annotations"][0]


BAD = {
    "no categories": (
        lambda d: d.pop("categories"),
        "not a YouTube-VIS file: it needs the lists `videos` and `categories`, but `categories` is missing",
    ),
    "videos not a list": (
        lambda d: d.update(videos={}),
        "not a YouTube-VIS file: it needs the lists `videos` and `categories`, but `videos` is {}",
    ),
    "video without width": (
        lambda d: d["videos"][1].pop("width"),
        r"video 5 \(a\): `height` is 3, `width` is missing; they must be whole numbers of at least 1",
    ),
    "two videos of one id": (
        lambda d: d["videos"][1].update(id=9),
        "video 9: `videos` entries 0 and 1 have this id; ids must differ",
    ),
    "annotation without masks": (
        lambda d: annotation(d).pop("segmentations"),
        r"annotation 1 of video 5 \(a\): the key `segmentations` is missing",
    ),
    "unknown video": (lambda d: annotation(d).update(video_id=77), "annotation 1: no video has the id 77"),
    "unknown category": (
        lambda d: annotation(d).update(category_id=8),
        r"annotation 1 .* category 8; known: \[7, 30\]",
    ),
    "too few masks": (
        lambda d: annotation(d).update(segmentations=[None]),
        r"annotation 1 of video 5 \(a\): `segmentations` has 1 entries for 2 frames",
    ),
    "mask of another size": (
        lambda d: annotation(d)["segmentations"].__setitem__(0, {"size": [4, 3], "counts": [12]}),
        r"annotation 1 of video 5 \(a\), frame 0: mask of size \[4, 3\] in a video of size \[3, 4\]",
    ),
    "run lengths short of the frame": (
        lambda d: annotation(d)["segmentations"].__setitem__(0, {"size": [3, 4], "counts": [11]}),
        "frame 0: run lengths add up to 11 pixels in a frame of 12",
    ),
    "compressed code short of the frame": (
        lambda d: annotation(d)["segmentations"].__setitem__(0, {"size": [3, 4], "counts": "11"}),
        "frame 0: run lengths add up to 2 pixels in a frame of 12",
    ),
    "compressed code cut short": (
        lambda d: annotation(d)["segmentations"].__setitem__(0, {"size": [3, 4], "counts": "1o"}),
        "frame 0: damaged run-length code",
    ),
    "polygon of nine numbers": (
        lambda d: annotation(d)["segmentations"].__setitem__(1, [[0, 0, 1, 0, 1, 1, 0, 1, 0]]),
        "frame 1: a polygon is a list of x, y pairs, but this one has 9 numbers",
    ),
    "polygon of two points": (
        lambda d: annotation(d)["segmentations"].__setitem__(1, [[0, 0, 1, 1]]),
        "frame 1: a polygon needs at least three",
    ),
    "mask of no known form": (
        lambda d: annotation(d)["segmentations"].__setitem__(0, "mask"),
        "frame 0: neither a run-length code",
    ),
    "length and names differ": (
        lambda d: d["videos"][0].update(length=2),
        r"video 9 \(b\): 1 file names for a `length` of 2",
    ),
    "no frames": (lambda d: d["videos"][0].update(length=0, file_names=[]), "video 9: `file_names` is empty"),
    "names not a list": (lambda d: d["videos"][0].update(file_names="b"), "video 9: `file_names` must be a list"),
    "escape upwards": (
        lambda d: d["videos"][0].update(file_names=["../../etc/passwd"]),
        "video 9, frame 0: the file name '../../etc/passwd' leaves the frame folder",
    ),
    "escape inside": (lambda d: d["videos"][0].update(file_names=["b/../../c.jpg"]), "leaves the frame folder"),
    "absolute name": (lambda d: d["videos"][0].update(file_names=["/etc/passwd"]), "leaves the frame folder"),
}


@pytest.mark.parametrize("change, message", BAD.values(), ids=BAD.keys())
def test_bad_documents(tmp_path: Path, change: Callable[[Document], Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, spoil(change))
    assert str(tmp_path / "instances.json") in str(caught.value)


def test_missing_root(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere" / "instances.json"
    with pytest.raises(UserError, match=r"nowhere/instances.json: no such annotation file.*vita data synth"):
        read_split(missing, tmp_path)


def test_missing_frame_folder(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(document()))
    with pytest.raises(UserError, match="JPEGImages: no such frame folder"):
        read_split(path, tmp_path / "JPEGImages")
    with pytest.raises(UserError, match="the frame folder is a file"):
        read_split(path, path)


def test_not_json(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_text('{"videos": [')
    with pytest.raises(UserError, match=r"instances.json: not valid JSON"):
        read_split(path, tmp_path)


def read_frame(path: Path, width: int, height: int) -> np.ndarray:
    return read_video_frame(Video(1, "one", height, width, (path,)), 0)


def test_frames_are_rgb(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4), (200, 100, 0)).save(tmp_path / "colour.png")
    Image.new("L", (5, 4), 7).save(tmp_path / "grey.png")
    assert read_frame(tmp_path / "colour.png", 5, 4)[3, 4].tolist() == [200, 100, 0]
    assert read_frame(tmp_path / "grey.png", 5, 4).shape == (4, 5, 3)


def test_missing_damaged_and_foreign_frames(tmp_path: Path, shapes_root: Path) -> None:
    path = next((shapes_root / "train" / "JPEGImages").rglob("*.jpg"))
    size, whole = Image.open(path).size, path.read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("not a picture")
    for name in ("cut.jpg", "empty.jpg", "text.jpg"):
        with pytest.raises(UserError, match=f"{name}: damaged frame"):
            read_frame(tmp_path / name, *size)
    with pytest.raises(UserError, match=r"gone.jpg: no such frame; fetch or write"):
        read_frame(tmp_path / "gone.jpg", *size)


def test_frame_of_another_size(tmp_path: Path) -> None:
    split = read(tmp_path, document())
    path = split.videos[0].frame_paths[0]
    path.parent.mkdir(parents=True)
    Image.new("RGB", (6, 3)).save(path)
    with pytest.raises(UserError, match=r"frame of size \[3, 6\].*video 5 the size \[3, 4\]"):
        read_video_frame(split.videos[0], 0)
