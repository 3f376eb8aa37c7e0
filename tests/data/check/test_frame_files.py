"""Files of frames: missing, damaged, of another size, behind links; all of them, or a sample."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from checked_data import Data, found
from PIL import Image

from vita.core.contract import UserError
from vita.data.check.check import check
from vita.data.check.expectations import CheckTarget
from vita.data.dataset import PartFiles
from vita.data.ytvis import read_split, read_video_frame

V1 = "video 1 (video_00000)"


def frame(data: Data, number: int = 1) -> Path:
    """A frame of the first video."""
    return data.frames / "video_00000" / f"{number:05d}.jpg"


def test_damaged_frames(data: Data) -> None:
    whole = frame(data, 0).read_bytes()
    frame(data, 0).write_bytes(whole[: len(whole) * 9 // 10])
    frame(data, 1).write_text("no picture")
    frame(data, 2).unlink()
    frame(data, 2).mkdir()
    assert found(data.check()) == {("frame-damaged", f"{V1}, frame {t}") for t in range(3)}


def test_frames_of_other_formats_are_decoded_to_the_end(data: Data) -> None:
    """A PNG that is called .jpg is read as what it is; cut short, it is damaged."""
    with Image.open(frame(data)) as picture:
        picture.save(frame(data), format="PNG")
    assert found(data.check()) == set()
    frame(data).write_bytes(frame(data).read_bytes()[:-200])
    assert found(data.check()) == {("frame-damaged", f"{V1}, frame 1")}


def test_frame_of_another_size(data: Data) -> None:
    Image.new("RGB", (32, 48)).save(frame(data))
    (finding,) = data.check().findings.found
    assert (finding.kind.label, finding.where) == ("frame-size", f"{V1}, frame 1")
    assert "48 x 32 pixels, the file says 32 x 48 (height x width)" in finding.detail


def test_a_pipe_does_not_wait(data: Data) -> None:
    frame(data).unlink()
    os.mkfifo(frame(data))
    assert found(data.check()) == {("frame-damaged", f"{V1}, frame 1")}


def test_a_sample_opens_the_ends_and_the_middle_and_lists_the_rest(data: Data) -> None:
    document = data.read()
    video, names = document["videos"][0], [f"video_00000/{t:05d}.jpg" for t in range(7)]
    video.update(length=7, file_names=names)
    for entry in document["annotations"][:2]:
        entry.update(length=7, **{key: entry[key] + [None] * 4 for key in ("segmentations", "bboxes", "areas")})
    data.write(document)
    for t in range(3, 7):
        frame(data, t).write_bytes(frame(data, 0).read_bytes())
    frame(data, 1).write_text("damaged, and not opened")
    frame(data, 3).write_text("damaged, in the middle")
    frame(data, 5).unlink()
    report = data.check(quick=True)
    assert found(report) == {("frame-damaged", f"{V1}, frame 3"), ("frame-missing", f"{V1}, frame 5")}
    assert (report.checked.frames_listed, report.checked.frames_opened) == (10, 6)
    assert report.checked.frames_decoded == 5  # all opened but frame 3
    assert ("frame-damaged", f"{V1}, frame 1") in found(data.check())


def test_links_out_of_the_data_set(data: Data, tmp_path: Path) -> None:
    """A linked frame and a linked folder: the check tells of both, the reader refuses both."""
    outside = tmp_path / "outside"
    (data.frames / "video_00001").rename(outside)
    frame(data).unlink()
    frame(data).symlink_to(outside / "00000.jpg")
    assert read_split_message(data, 0).endswith(
        f"a symbolic link to {outside}/00000.jpg, outside the data set; put the frame itself there"
    )
    (data.frames / "video_00001").symlink_to(outside)
    assert found(data.check()) == {
        ("leaves-root", "video 2 (video_00001)"),
        ("leaves-root", f"{V1}, frame 1"),
    }
    with pytest.raises(UserError, match=r"video 2: the folder .*/video_00001 is a link that leads out of the data set"):
        read_split(data.annotations, data.frames)


def read_split_message(data: Data, video: int) -> str:
    (data.frames / "video_00001").mkdir()
    split = read_split(data.annotations, data.frames)
    with pytest.raises(UserError) as caught:
        read_video_frame(split.videos[video], 1)
    (data.frames / "video_00001").rmdir()
    return str(caught.value)


def test_links_inside_the_data_set(data: Data, tmp_path: Path) -> None:
    """The folder of frames may be a link, and links may lead anywhere below the data set's root or that folder."""
    (data.frames / "video_00001").rename(data.folder / "moved")
    (data.frames / "video_00001").symlink_to(data.folder / "moved")
    frame(data, 2).rename(data.frames / "kept.jpg")
    frame(data, 2).symlink_to("../kept.jpg")
    data.frames.rename(tmp_path / "disk")
    data.frames.symlink_to(tmp_path / "disk")
    assert found(data.check()) == {("leaves-root", "video 2 (video_00001)")}
    split = read_split(data.annotations, data.frames, root=data.folder)
    assert all(read_video_frame(video, t).shape == (32, 48, 3) for video in split.videos for t in range(3))
    assert found(check(target_below(data.folder, data), quick=False, workers=2)) == set()


def target_below(root: Path, data: Data) -> CheckTarget:
    """As of a data set whose root is above the frames."""
    from vita.core.config_base import parse
    from vita.core.dataset_config import DatasetConfig

    part = {"annotations": "instances.json", "frames": "JPEGImages"}
    config = parse(DatasetConfig, {"name": "test", "root": str(root), "train": part, "valid": part}, "test")
    return CheckTarget(PartFiles(data.annotations, data.frames), ("train",), config)


def test_more_masks_than_pycocotools_measures_at_once(data: Data) -> None:
    """An object of 300 frames: sizes of masks are counted in pieces."""
    document = data.read()
    names = [f"video_00000/{t:05d}.jpg" for t in range(300)]
    document["videos"][0].update(length=300, file_names=names)
    for entry in document["annotations"][:2]:
        entry.update(length=300, **{key: entry[key][:1] * 300 for key in ("segmentations", "bboxes", "areas")})
    data.write(document)
    whole = frame(data, 0).read_bytes()
    for name in names:
        (data.frames / name).write_bytes(whole)
    assert found(data.check(quick=True)) == set()
    document["annotations"][1]["areas"][299] *= 2
    data.write(document)
    assert found(data.check(quick=True)) == {("area", f"annotation 2 of {V1}, frame 299")}
