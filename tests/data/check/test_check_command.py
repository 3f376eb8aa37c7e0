"""`vita data check`: what a data set's YAML says is held against the files; reports, exit codes, findings as JSON."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from checked_data import Data, write_images
from tiny_run import Ended, vita

PARTS = {part: {"annotations": f"{part}/instances.json", "frames": f"{part}/JPEGImages"} for part in ("train", "valid")}
NAMES = {1: "disc", 2: "square", 3: "triangle"}


@pytest.fixture
def root(clean: Data, tmp_path: Path) -> Path:
    """A copy of both parts."""
    return Path(shutil.copytree(clean.folder.parent, tmp_path / "root"))


def write_yaml(root: Path, **keys: Any) -> Path:
    path = root.parent / "dataset.yaml"
    path.write_text(yaml.safe_dump({"name": "tiny", "root": str(root), **PARTS, **keys}))
    return path


def check(*arguments: object) -> Ended:
    return vita("data", "check", *arguments)


def kinds(path: Path) -> list[dict[str, int]]:
    """Numbers of findings by kind, of each file."""
    return [file["kinds"] for file in json.loads(path.read_text())["files"]]


def test_clean_data_by_yaml(root: Path, tmp_path: Path) -> None:
    parts = {part: {**PARTS[part], "videos": count} for part, count in (("train", 2), ("valid", 1))}
    parts["train"]["instances"] = 4
    dataset = write_yaml(root, categories=NAMES, **parts)
    ended = check("--dataset", dataset, "--out", tmp_path / "found.json")
    assert "|" not in ended.errors and ": 0 of " in ended.errors  # words where there is no terminal, no bar
    printed = json.loads(check("--dataset", dataset, "--json").out)
    written = json.loads((tmp_path / "found.json").read_text())
    assert (printed["verdict"], printed["errors"]) == (written["verdict"], written["errors"])
    assert [file["findings"] for file in printed["files"]] == [file["findings"] for file in written["files"]]
    assert ended.code == 0
    assert ended.out.count("\nchecked ") == 2 and ended.out.endswith("nothing found: the data can be used\n")
    assert (
        "train: " in ended.out and "checked 2 videos, 4 objects, 12 masks, 6 frames opened and decoded (" in ended.out
    )
    written = json.loads((tmp_path / "found.json").read_text())
    assert (written["tool"], written["dataset"], written["errors"]) == ("vita data check", "tiny", 0)
    assert [file["parts"] for file in written["files"]] == [["train"], ["valid"]]
    assert written["files"][0]["checked"]["frames_opened"] == 6
    assert check("--dataset", dataset, "--part", "valid").out.count("\nchecked ") == 1


def test_all_findings_are_written_and_the_first_printed(root: Path, tmp_path: Path) -> None:
    for frame in (root / "train" / "JPEGImages").rglob("*.jpg"):
        frame.unlink()
    ended = check("--dataset", write_yaml(root), "--part", "train", "--out", tmp_path / "found.json")
    assert ended.code == 1
    assert ended.out.count(", frame ") == 3 and "... and 3 more" in ended.out
    assert "      6  error     frame-missing  a frame is not there\n" in ended.out
    assert ended.out.endswith("6 errors and 0 warnings: mend the errors before this data is used\n")
    findings = json.loads((tmp_path / "found.json").read_text())["files"][0]["findings"]
    assert [finding["kind"] for finding in findings] == ["frame-missing"] * 6
    assert findings[4] == {
        "kind": "frame-missing",
        "severity": "error",
        "where": "video 2 (video_00001), frame 1",
        "detail": f"{root}/train/JPEGImages/video_00001/00001.jpg",
    }


def test_warnings_alone(root: Path) -> None:
    data = Data(root / "train")
    document = data.read()
    document["categories"].append({"id": 4, "name": "cross"})
    data.write(document)
    arguments = ["--annotations", data.annotations, "--frames", data.frames]
    ended = check(*arguments)
    assert ended.code == 0 and "no error and 1 warning: usable" in ended.out
    assert check(*arguments, "--strict").code == 1
    assert "no error and 1 warning in what was sampled" in check(*arguments, "--quick").out


def test_what_the_yaml_expects(root: Path, tmp_path: Path) -> None:
    train = {**PARTS["train"], "videos": 3, "instances": 5}
    dataset = write_yaml(root, train=train, categories={1: "disc", 2: "cat", 4: "dog"})
    ended = check("--dataset", dataset, "--part", "train", "--out", tmp_path / "found.json")
    assert ended.code == 1
    assert kinds(tmp_path / "found.json") == [{"categories": 3, "count": 2}]
    for expected in (
        "category 2: the file has 'square', the YAML 'cat'",
        "category 3: the file has 'triangle', the YAML none",
        "category 4: the file has none, the YAML 'dog'",
        "`videos`: 2 entries, expected 3",
        "`annotations`: 4 entries, expected 5",
    ):
        assert expected in ended.out


def test_only_the_first_videos(root: Path) -> None:
    """With `limit_videos` the frames of others may be missing, and counts are not held against the published ones.

    The masks of all are read, by who learns from some of them too.
    """
    shutil.rmtree(root / "train" / "JPEGImages" / "video_00001")
    train = {**PARTS["train"], "videos": 2238}
    dataset = write_yaml(root, train=train, limit_videos=1)
    ended = check("--dataset", dataset, "--part", "train")
    assert ended.code == 0 and "12 masks, 3 frames opened and decoded" in ended.out
    data = Data(root / "train")
    document = data.read()
    document["annotations"][-1]["segmentations"][0]["counts"] = "~~"
    data.write(document)
    ended = check("--dataset", dataset, "--part", "train")
    assert ended.code == 1 and "damaged run-length code" in ended.out


def test_hidden_labels(root: Path, tmp_path: Path) -> None:
    data = Data(root / "valid")
    document = data.read()
    del document["annotations"]
    data.write(document)
    dataset = write_yaml(root)
    assert check("--dataset", dataset, "--part", "released_valid").code == 0
    ended = check("--dataset", dataset, "--part", "valid", "--out", tmp_path / "found.json")
    assert ended.code == 1 and "checked 1 videos, no labels, " in ended.out
    assert kinds(tmp_path / "found.json") == [{"no-labels": 1}]


def with_local_split(root: Path, change: dict[str, Any]) -> tuple[Path, Path]:
    """A data set whose list of the local split was changed by hand."""
    ids = root.parent / "ids.json"
    dataset = write_yaml(root, validate_on="local_split", local_split={"file": str(ids), "valid_share": 0.5, "seed": 0})
    assert vita("data", "split", "--dataset", dataset).code == 0
    ids.write_text(json.dumps({**json.loads(ids.read_text()), **change}))
    return dataset, ids


def test_local_split(root: Path, tmp_path: Path) -> None:
    dataset, _ = with_local_split(root, {})
    ended = check("--dataset", dataset)
    assert ended.code == 0 and ended.out.startswith("train, valid: ") and ended.out.count("\nchecked ") == 1
    assert "3 frames opened and decoded" in check("--dataset", dataset, "--part", "valid").out


@pytest.mark.parametrize(
    "change, expected",
    [
        ({"train": [1, 7], "valid": [2]}, "it lists video 7, which the file does not have"),
        ({"train": [1], "valid": []}, "it leaves out video 2"),
        ({"train": [1, 2], "valid": [2]}, "video 2 is in both parts"),
        ({"annotations_sha256": "0" * 64}, "made from another annotation file"),
        ({"seed": 5}, "made with seed 5"),
        ({"train": "all"}, "key 'train': "),
    ],
)
def test_wrong_local_split(root: Path, change: dict[str, Any], expected: str) -> None:
    dataset, ids = with_local_split(root, change)
    ended = check("--dataset", dataset)
    assert ended.code == 1 and "      1  error     local-split" in ended.out
    assert f"local split {ids}: " in ended.out and expected in ended.out


def test_local_split_that_is_not_there(root: Path) -> None:
    dataset, ids = with_local_split(root, {})
    ids.unlink()
    ended = check("--dataset", dataset)
    assert ended.code == 0 and f"local split {ids}: not there yet; `vita data split` draws it" in ended.out


def test_each_part_of_a_split_that_is_not_there_is_held_to_its_use(root: Path) -> None:
    dataset, ids = with_local_split(root, {})
    learned = json.loads(ids.read_text())["train"]
    ids.unlink()
    annotations = root / "train/instances.json"
    document = json.loads(annotations.read_text())
    for entry in document["annotations"]:
        entry["iscrowd"] = int(entry["video_id"] in learned)
    annotations.write_text(json.dumps(document))
    ended = check("--dataset", dataset)
    assert ended.code == 1 and "none of 1 videos has one" in ended.out and "nothing-to-learn" in ended.out
    kept = [entry for entry in document["annotations"] if entry["video_id"] == 1]
    annotations.write_text(json.dumps({**document, "videos": document["videos"][:1], "annotations": kept}))
    ended = check("--dataset", dataset)
    assert ended.code == 1 and "1 videos cannot be divided; at least two are needed" in ended.out


def test_coco(tmp_path: Path) -> None:
    data = write_images(tmp_path / "coco")
    part = {"annotations": "instances.json", "frames": "JPEGImages"}
    dataset = write_yaml(data.folder, format="coco", train={**part, "videos": 2}, valid=part)
    arguments = ["--dataset", dataset, "--part", "train", "--out", tmp_path / "found.json"]
    ended = check(*arguments)
    assert ended.code == 0 and "checked 2 images, 2 objects, 2 masks, 2 frames opened and decoded" in ended.out
    document = data.read()
    document["images"][0]["file_name"] = "8.jpg"
    document["annotations"][0].update(area=100, bbox=[0, 0, 4, 5])
    document["annotations"][1]["segmentation"] = None
    document["annotations"].append({"id": 3, "image_id": 8, "category_id": 3, "segmentation": []})
    data.write(document)
    assert check(*arguments).code == 1
    assert kinds(tmp_path / "found.json") == [{"unknown-video": 1, "frame-missing": 1, "mask": 1, "area": 1, "box": 1}]


def test_what_cannot_be_read(root: Path, tmp_path: Path) -> None:
    data = Data(root / "train")
    arguments = ["--annotations", data.annotations, "--frames", data.frames]
    data.annotations.write_text("{")
    assert check(*arguments, "--out", tmp_path / "found.json").message.startswith(f"{data.annotations}: not valid JSON")
    data.write({"videos": [], "categories": None})
    assert check(*arguments).message.startswith(f"{data.annotations}: not a YouTube-VIS file: it needs the lists ")
    data.write({"videos": [], "categories": [], "annotations": 5})
    assert check(*arguments).message == f"{data.annotations}: `annotations` must be a list, not 5"
    assert (
        check("--annotations", tmp_path / "x.json", "--frames", data.frames).message
        == f"{tmp_path}/x.json: no such file"
    )
    assert check("--annotations", data.annotations, "--frames", tmp_path / "x").message.endswith(
        ": no such folder of frames"
    )
    assert not (tmp_path / "found.json").exists()


def test_wrong_options(root: Path) -> None:
    wanted = "what is to be checked: give --dataset, or both --annotations and --frames"
    dataset = write_yaml(root)
    assert check().message == wanted
    assert check("--annotations", root).message == wanted
    assert check("--dataset", dataset, "--annotations", root, "--frames", root).message == wanted
    unknown = check("--dataset", dataset, "--part", "test").message
    assert unknown == "--part is 'test'; allowed are train, valid, released_valid"


def test_categories_of_what_is_scored_are_those_that_are_learned(root: Path, tmp_path: Path) -> None:
    """Ids 1 and 2 exchanged in `valid`, consistently: a sound file by itself, whose scores would be wrong."""
    path = root / "valid" / "instances.json"
    labels = json.loads(path.read_text())
    exchanged = {1: 2, 2: 1}
    for one in labels["categories"]:
        one["id"] = exchanged.get(one["id"], one["id"])
    for one in labels["annotations"]:
        one["category_id"] = exchanged.get(one["category_id"], one["category_id"])
    path.write_text(json.dumps(labels))
    dataset = write_yaml(root)
    assert check("--dataset", dataset, "--part", "valid").code == 0
    ended = check("--dataset", dataset, "--out", tmp_path / "found.json")
    assert ended.code == 1 and "category 1: the file has 'square', that of `train` 'disc'" in ended.out
    assert [found.get("categories") for found in kinds(tmp_path / "found.json")] == [None, 2]
