"""What the check passes is used by training, prediction, evaluation and submission; what any refuses, it reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checked_data import Data, write_images
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import spoilt
from PIL import Image

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.core.run_config import AugmentationConfig
from vita.data.check.check import check
from vita.data.check.expectations import CheckTarget
from vita.data.coco import read_coco
from vita.data.dataset import PartFiles
from vita.data.frames import VideoFrames
from vita.data.sampling.clips import VideoClips
from vita.data.sampling.pseudo_videos import PseudoVideoClips
from vita.data.ytvis import Split, read_split
from vita.evaluation.readers.ground_truth import VideoSize
from vita.evaluation.scoring import evaluate_files
from vita.evaluation.submission import write_submission

Document = dict[str, Any]


@dataclass(frozen=True)
class Uses:
    """All that is done with a data set."""

    data: Data

    @property
    def target(self) -> CheckTarget:
        """Both to learn from and to be scored on."""
        split = {"annotations": "instances.json", "frames": "JPEGImages"}
        config = DatasetConfig.model_validate(
            {"name": "mine", "root": str(self.data.folder), "train": split, "valid": split}
        )
        return CheckTarget(PartFiles(self.data.annotations, self.data.frames), ("train", "valid"), config)

    def refusals(self) -> dict[str, str]:
        """What each use says that refuses the data."""
        try:
            split = read_split(self.data.annotations, self.data.frames)
        except UserError as error:
            return {"read": str(error)}
        if not split.videos:
            return {"predict": "no video"}
        found = {}
        for use in (self.learn, self.predict, self.evaluate, self.submit):
            try:
                use(split)
            except UserError as error:
                found[use.__name__] = str(error)
        return found

    def learn(self, split: Split) -> None:
        clips = VideoClips(split, clip_frames=2, augmentation=AugmentationConfig())
        for seed in range(3):
            clips.draw(np.random.default_rng(seed))
        self.predict(split)  # training comes to every frame in the end

    def predict(self, split: Split) -> None:
        for video in split.videos:
            VideoFrames(video).read(0, len(video.frame_paths))

    def evaluate(self, split: Split) -> None:
        evaluate_files(self.data.annotations, self.predictions(split))

    def submit(self, split: Split) -> None:
        sizes = {one.id: VideoSize(one.height, one.width, len(one.frame_paths)) for one in split.videos}
        write_submission(self.predictions(split), sizes, split.category_ids, self.data.folder / "results.zip")

    def predictions(self, split: Split) -> Path:
        """The objects as they are; of a file without any, one that is nowhere seen."""
        entries = [
            {"video_id": video.id, "category_id": split.category_ids[one.label], "segmentations": one.segmentations}
            for video, instances in zip(split.videos, split.instances, strict=True)
            for one in instances
        ]
        if not entries:
            masks = [None] * len(split.videos[0].frame_paths)
            category = (split.category_ids or (1,))[0]
            entries = [{"video_id": split.videos[0].id, "category_id": category, "segmentations": masks}]
        path = self.data.folder / "predictions.json"
        path.write_text(json.dumps([{"score": 0.5, **entry} for entry in entries]))
        return path

    def hold(self) -> bool:
        """Whether all use it. Fails where the check passes what any refuses."""
        try:
            found = check(self.target, quick=False, workers=1).findings.found
            errors = [f"{one.where}: {one.detail}" for one in found if one.kind.severity == "error"]
        except UserError as error:
            errors = [str(error)]
        refusals = self.refusals()
        assert errors or not refusals, refusals
        return not refusals


def masks(document: Document) -> list[list[Any]]:
    return [entry["segmentations"] for entry in document["annotations"]]


def each_mask(value: Any) -> Callable[[Document], None]:
    """Another value in the place of every mask, with no box and no area."""

    def change(document: Document) -> None:
        for entry in document["annotations"]:
            entry["segmentations"] = [value for _ in entry["segmentations"]]
            entry["bboxes"] = entry["areas"] = [None for _ in entry["segmentations"]]

    return change


def first(value: Any) -> Callable[[Document], None]:
    """Another value in the place of one mask, with no box and no area."""

    def change(document: Document) -> None:
        entry = document["annotations"][0]
        for key, one in (("segmentations", value), ("bboxes", None), ("areas", None)):
            entry[key][1] = one

    return change


def all_of(key: str, **values: Any) -> Callable[[Document], None]:
    return lambda document: [entry.update(values) for entry in document[key]] and None


EMPTY = {"size": [32, 48], "counts": [32 * 48]}
OUTLINE = [4, 4, 20, 4, 20, 20, 4, 20]

# Whether all use what comes out.
CASES: dict[str, tuple[Callable[[Document], object], bool]] = {
    "nothing": (lambda d: None, True),
    "no length": (lambda d: [video.pop("length") for video in d["videos"]], True),
    "length 3.0": (all_of("videos", length=3.0), True),
    "length 3.5": (all_of("videos", length=3.5), False),
    "length 2": (all_of("videos", length=2), False),
    "length as text": (all_of("videos", length="3"), False),
    "only crowds": (all_of("annotations", iscrowd=1), False),
    "only empty masks": (each_mask(EMPTY), False),
    "never seen": (each_mask(None), False),
    "absent []": (first([]), True),
    "absent {}": (first({}), True),
    "absent text": (first(""), True),
    "all absent []": (each_mask([]), False),
    "an empty mask": (first(EMPTY), True),
    "a line beside a polygon": (lambda d: put_polygon(d, [OUTLINE, [1, 1, 5, 5]]), True),
    "a line alone": (first([[1, 1, 5, 5]]), False),
    "a flat polygon": (first(OUTLINE), False),
    "an unused category 0": (lambda d: d["categories"].insert(0, {"id": 0, "name": "none"}), True),
    "names of macOS": (lambda d: d["videos"][0]["file_names"].__setitem__(0, "video_00000/._00000.jpg"), False),
    "frames out of order": (lambda d: d["videos"][0]["file_names"].reverse(), True),
    "no video": (lambda d: d.update(videos=[], annotations=[]), False),
    "no annotation": (lambda d: d.update(annotations=[]), False),
    "no labels": (lambda d: d.pop("annotations"), False),
    "no category": (lambda d: d.update(categories=[], annotations=[]), False),
    "one video without objects": (lambda d: d.update(annotations=d["annotations"][2:]), True),
    "a crowd beside objects": (lambda d: d["annotations"][0].update(iscrowd=1), True),
    "areas as text": (lambda d: d["annotations"][0].update(areas="4"), False),
    "areas of two frames": (lambda d: d["annotations"][0].update(areas=[4, 4]), True),
    "segmentations of two frames": (lambda d: masks(d)[0].pop(), False),
    "segmentations as an object": (lambda d: d["annotations"][0].update(segmentations={}), False),
    "iscrowd as text": (lambda d: d["annotations"][0].update(iscrowd="0"), False),
    "ids from a float": (lambda d: d["videos"][0].update(id=1.0), False),
}


def put_polygon(document: Document, outlines: list[list[float]]) -> None:
    entry = document["annotations"][0]
    entry["segmentations"][1], entry["areas"][1], entry["bboxes"][1] = outlines, 256, [4, 4, 16, 16]


@pytest.mark.parametrize("case", CASES)
def test_each_of_these_is_used_by_all_or_reported(case: str, data: Data) -> None:
    change, used = CASES[case]
    document = data.read()
    change(document)
    data.write(document)
    assert Uses(data).hold() is used


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(choices=st.data())
def test_any_corruption_is_used_by_all_or_reported(clean: Data, data: Data, choices: st.DataObject) -> None:
    data.write(choices.draw(spoilt(clean.read())))
    Uses(data).hold()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(choices=st.data())
def test_images_that_the_check_passes_are_learned_from(tmp_path: Path, choices: st.DataObject) -> None:
    data = Data(tmp_path / "coco")
    if not data.folder.exists():
        data = write_images(data.folder)
        data.annotations.with_name("sound.json").write_bytes(data.annotations.read_bytes())
    data.write(choices.draw(spoilt(json.loads(data.annotations.with_name("sound.json").read_text()))))
    try:
        split = read_coco(data.annotations, data.frames)
        PseudoVideoClips(split, clip_frames=2, augmentation=AugmentationConfig()).draw(np.random.default_rng(0))
        Uses(data).predict(split)
        refusal = None
    except UserError as error:
        refusal = str(error)
    try:
        errors = data.check().findings.count("error")
    except UserError:
        errors = 1
    assert errors or refusal is None, refusal


FRAMES: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:400]),
    "a folder": lambda path: [path.unlink(), path.mkdir()],
    "another size": lambda path: Image.new("RGB", (47, 32)).save(path),
    "16 bits": lambda path: Image.fromarray(np.zeros((32, 48), np.uint16)).save(path, "PNG"),
    "floats": lambda path: Image.fromarray(np.zeros((32, 48), np.float32)).save(path, "TIFF"),
    "transparent": lambda path: Image.new("RGBA", (48, 32)).save(path, "PNG"),
    "a quarter turn": lambda path: Image.new("RGB", (48, 32)).save(path, exif=_turned(6)),
}


def _turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("fault", FRAMES)
def test_a_faulty_frame_is_reported_and_refused(fault: str, data: Data) -> None:
    FRAMES[fault](data.frames / "video_00001" / "00002.jpg")
    assert not Uses(data).hold()


def test_a_half_turn_and_other_modes_are_used(data: Data) -> None:
    for number, exif in ((0, _turned(3)), (1, _turned(1))):
        Image.new("RGB", (48, 32)).save(data.frames / "video_00001" / f"0000{number}.jpg", exif=exif)
    Image.new("L", (48, 32)).save(data.frames / "video_00001" / "00002.jpg")
    assert Uses(data).hold()
