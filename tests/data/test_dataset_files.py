"""Data sets are found as each release, or the repository that renamed it, laid them out."""

from __future__ import annotations

from pathlib import Path

import pytest
from distributed_layouts import KINDS, LAYOUTS, published, write_coco, write_layout

from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.data.dataset import find_files, read_part
from vita.data.ytvis import read_video_frame


def at(name: str, root: Path, **changes: object) -> DatasetConfig:
    """A published data set in a folder, scored on the release's own validation videos."""
    return published(name).model_copy(update={"root": str(root), "validate_on": "valid", **changes})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_read_with_only_its_root_given(layout: str, tmp_path: Path) -> None:
    write_layout(layout, tmp_path)
    dataset = at(LAYOUTS[layout].dataset, tmp_path)
    train = read_part(dataset, "train")
    assert len(train.videos) == 6
    assert dict(zip(train.category_ids, train.category_names, strict=True)) == dataset.categories
    labels = {train.category_names[one.label] for instances in train.instances for one in instances}
    assert labels == {dataset.category_map["coco"][kind] for kind in KINDS}
    assert read_video_frame(train.videos[0], 0).shape == (64, 96, 3)

    released = read_part(dataset, "released_valid")
    assert len(released.videos) == 2
    assert read_video_frame(released.videos[0], 0).shape == (64, 96, 3)
    assert not any(released.instances)  # the list that a server's users have, although OVIS' labels are there


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if LAYOUTS[name].dataset == "ovis"])
def test_labels_in_a_file_of_their_own_score_a_model(layout: str, tmp_path: Path) -> None:
    write_layout(layout, tmp_path)
    valid = read_part(at("ovis", tmp_path), "valid")
    assert all(valid.instances)
    (tmp_path / str(LAYOUTS[layout].lists).format("valid")).unlink()
    assert read_part(at("ovis", tmp_path), "released_valid").videos == valid.videos  # they name the videos too


def test_coco_is_read_with_only_its_root_given(tmp_path: Path) -> None:
    write_coco(tmp_path)
    train = read_part(at("coco", tmp_path), "train")
    assert [len(video.frame_paths) for video in train.videos] == [1] * 6
    assert len(train.category_ids) == 80
    assert {train.category_names[one.label] for objects in train.instances for one in objects} <= set(KINDS)
    assert read_video_frame(train.videos[0], 0).shape == (64, 96, 3)


def test_without_labels_the_way_out_is_told(tmp_path: Path) -> None:
    write_layout("ytvis_2021", tmp_path)
    with pytest.raises(UserError) as caught:
        find_files(at("ytvis_2021", tmp_path), "valid")
    message = str(caught.value)
    assert message.startswith(
        f"data set 'ytvis_2021': no labels of `valid` found in {tmp_path}; looked for validation_gt"
    )
    assert "https://youtube-vos.org" in message
    assert "`validate_on: local_split` in the data set's YAML" in message


def test_what_is_absent_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        find_files(at("ovis", tmp_path), "train")
    assert str(caught.value) == (
        f"data set 'ovis': no annotations found in {tmp_path}; looked for annotations_train.json, "
        "annotations/annotations_train.json, annotations/train.json; to get the data: " + str(published("ovis").obtain)
    )
    (tmp_path / "annotations_train.json").touch()
    with pytest.raises(UserError, match=r"no frames found in .*; looked for train/JPEGImages, train; to get"):
        find_files(at("ovis", tmp_path), "train")


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OVIS_ROOT", raising=False)
    with pytest.raises(UserError, match=r"'ovis': its folder is \$\{OVIS_ROOT\}, but that environment variable is not"):
        find_files(published("ovis"), "train")


def test_an_empty_variable_is_named_and_no_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """`${OVIS_ROOT}/train.json` is not `/train.json`."""
    monkeypatch.setenv("OVIS_ROOT", "")
    dataset = published("ovis")
    assert dataset.root == "${OVIS_ROOT}"
    with pytest.raises(
        UserError, match=r"its folder is \$\{OVIS_ROOT\}, but that environment variable is empty; to get"
    ):
        find_files(dataset, "train")
