"""Each format of labels, on one hand-made video: the same codes, and files that the check passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from foreign_labels import (
    cvat_polygon,
    cvat_xml,
    expected,
    write_coco,
    write_cvat,
    write_frames,
    write_labelme,
    write_palette,
)
from typer.testing import CliRunner

from vita.cli.main import app
from vita.core.config_base import load
from vita.core.dataset_config import DatasetConfig
from vita.data.dataset import read_part
from vita.data.ytvis import Split, read_split


def write_mots(folder: Path) -> None:
    write_palette(folder, {"cat": 1001, "dog": 2001}, "I;16")
    (folder.parent / "names.yaml").write_text("categories: {1: cat, 2: dog}\n")


def write_davis(folder: Path) -> None:
    write_palette(folder, {"cat": 1, "dog": 2})
    (folder.parent / "names.yaml").write_text("objects: {clip: {1: cat, 2: dog}}\n")


WRITERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "coco": ("labels.json", write_coco),
    "cvat": ("clip.xml", write_cvat),
    "labelme": ("labels", write_labelme),
    "mots": ("labels", write_mots),
    "palette": ("labels", write_davis),
}


def run(*words: str | Path) -> str:
    """The output of a command that succeeds."""
    result = CliRunner().invoke(app, ["data", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def codes(split: Split) -> dict[str, list[object]]:
    """By category: each of the two has one object."""
    return {split.category_names[one.label]: list(one.segmentations) for one in split.instances[0]}


@pytest.mark.parametrize("format", WRITERS)
def test_a_format_is_found_out_converted_and_passes_the_check(format: str, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    name, write = WRITERS[format]
    write(tmp_path / name)
    names = tmp_path / "names.yaml"
    told = run(
        "import", tmp_path / name, "--frames", frames, "--out", tmp_path / "mine",
        *(["--categories", names] if names.exists() else []),
    )  # fmt: skip
    assert "1 videos, 3 frames, 2 objects, 4 masks, 2 categories" in told
    dataset = load(DatasetConfig, tmp_path / "mine" / "mine.yaml")
    split = read_split(tmp_path / "mine/train/instances.json", tmp_path / "mine/train/JPEGImages")
    assert codes(split) == expected()
    assert [path.name for path in split.videos[0].frame_paths] == ["8.jpg", "9.jpg", "10.jpg"]
    assert split.category_ids == (1, 2)
    assert (tmp_path / "mine/train/sheet.png").stat().st_size > 1000
    assert (
        read_part(dataset.model_copy(update={"validate_on": "valid"}), "train").videos[0].frame_paths
        == split.videos[0].frame_paths
    )
    report = run("check", "--dataset", tmp_path / "mine/mine.yaml", "--part", "train")
    assert "no error" in report or "nothing found" in report


@pytest.mark.parametrize("format", WRITERS)
def test_one_video_may_lie_in_no_folder_of_its_own(format: str, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    name, write = WRITERS[format]
    (tmp_path / "clip").mkdir()
    write(tmp_path / "clip" / name if "." in name else tmp_path / name)
    source = tmp_path / "clip" if "." in name else tmp_path / name / "clip"
    if format == "coco":
        source /= name
        source.write_text(source.read_text().replace("clip/", ""))
    run("import", source, "--frames", frames / "clip", "--out", tmp_path / "mine")
    split = read_split(tmp_path / "mine/train/instances.json", tmp_path / "mine/train/JPEGImages")
    assert [path.name for path in split.videos[0].frame_paths] == ["8.jpg", "9.jpg", "10.jpg"]
    assert sorted(len([mask for mask in one.segmentations if mask]) for one in split.instances[0]) == [2, 2]


def test_a_format_named_wrongly_or_not_to_be_found_out(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    (tmp_path / "labels.txt").write_text("1 2 3")
    for words, message in (([], "labels of no known format"), (["--format", "mat"], "allowed are coco, cvat")):
        source = [tmp_path / "labels.txt", "--frames", frames, "--out", tmp_path / "mine", *words]
        result = CliRunner().invoke(app, ["data", "import", *map(str, source)])
        assert result.exit_code != 0
        assert message in str(result.exception)
    assert not (tmp_path / "mine").exists()


def test_a_name_that_no_data_set_can_have_is_told_before_anything_is_written(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    write_coco(tmp_path / "labels.json")
    words = ["data", "import", tmp_path / "labels.json", "--frames", frames, "--out", tmp_path / "my data"]
    result = CliRunner().invoke(app, list(map(str, words)))
    assert "it is called as the data set (another is chosen by --dataset): key 'name'" in str(result.exception)
    assert not (tmp_path / "my data").exists()
    run(*words[1:], "--dataset", tmp_path / "datasets/mine.yaml")
    assert "nothing found" in run("check", "--dataset", tmp_path / "datasets/mine.yaml", "--part", "train")


def test_valid_joins_train_and_an_edited_yaml_is_kept(tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames")
    write_coco(tmp_path / "labels.json")
    call = ["import", tmp_path / "labels.json", "--frames", frames, "--out", tmp_path / "mine"]
    run(*call)
    yaml = tmp_path / "mine/mine.yaml"
    run(*call, "--part", "valid")
    assert load(DatasetConfig, yaml).validate_on == "valid"
    assert "nothing found" in run("check", "--dataset", yaml)
    yaml.write_text(yaml.read_text() + "licence: mine\n")
    assert "is kept" in run(*call)
    assert load(DatasetConfig, yaml).licence == "mine"


def test_the_videos_of_several_cvat_files_are_told_by_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    box = (1, 1, 3, 4)
    for number, name in enumerate(("b2", "b10")):
        write_frames(tmp_path / "frames", name)
        (tmp_path / name).mkdir()
        xml = cvat_xml({"cat": [cvat_polygon(box, number)]}, labels=("cat",))
        (tmp_path / name / "annotations.xml").write_text(xml)
    run("import", tmp_path, "--frames", tmp_path / "frames", "--out", tmp_path / "mine", "--format", "cvat")
    split = read_split(tmp_path / "mine/train/instances.json", tmp_path / "mine/train/JPEGImages")
    assert [video.name for video in split.videos] == ["b2", "b10"]
    seen = [[mask is not None for mask in one.segmentations] for (one,) in split.instances]
    assert seen == [[True, False, False], [False, True, False]]
    dataset = tmp_path / "mine/mine.yaml"
    assert load(DatasetConfig, dataset).validate_on == "local_split"
    assert "no error and 1 warning" in run("check", "--dataset", dataset)  # the split is not drawn yet
    run("split", "--dataset", dataset)
    assert Path("results/data/mine/local_split.json").exists()  # where the workflow draws it
    assert "nothing found" in run("check", "--dataset", dataset)
