"""Geometric transforms and sizes against recordings of the official ones; the checks see what they should."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from vita.core.contract import UserError
from vita.official.conformance.augmentation import checks

DRAWS = ("sizes", "crop windows", "window paths")
RECORDED = Path(__file__).parents[2] / "golden" / "augmentation"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RECORDED, tmp_path / "augmentation"))


def outcomes(folder: Path) -> dict[str, bool | None]:
    return {check.group.removeprefix("augmentation/"): check.passed for check in checks(folder)}


def failing(folder: Path) -> list[str]:
    return [group for group, passed in outcomes(folder).items() if passed is False]


def test_every_recording_is_equalled() -> None:
    transforms = [
        f"transforms {name} {part}"
        for name in ("hflip", "resize", "crop", "rotation")
        for part in ("image", "mask", "box")
    ]
    draws = [f"draws {kind} {part}" for kind in ("real_video", "pseudo_video") for part in DRAWS]
    draws.append("draws pseudo_video rotations")
    assert outcomes(RECORDED) == dict.fromkeys([*transforms, "transforms test sizes", *draws], True)


def change(path: Path, edit: Callable[[Any], None]) -> None:
    if path.suffix == ".json":
        content = json.loads(path.read_text())
        edit(content)
        path.write_text(json.dumps(content))
    else:
        tensors = load_file(path)
        edit(tensors)
        save_file(tensors, path)


@pytest.mark.parametrize("name", ["hflip", "resize", "crop", "rotation"])
def test_one_pixel_or_a_thousandth_is_seen(folder: Path, name: str) -> None:
    def edit(tensors: dict) -> None:
        tensors[f"{name}.image"][3, 4, 1] ^= 1
        tensors[f"{name}.mask"][3, 4] ^= 1
        tensors[f"{name}.box_after_transform_clip"][0, 2] += 1e-3

    change(folder / "transforms.safetensors", edit)
    assert failing(folder) == [f"transforms {name} {part}" for part in ("image", "mask", "box")]


def test_other_parameters_are_followed(folder: Path) -> None:
    """Nothing is known beforehand: with another angle, ours turns differently."""
    change(folder / "transforms.json", lambda facts: facts["parameters"]["rotation"].update(angle_deg=-7.3))
    assert failing(folder) == ["transforms rotation image", "transforms rotation mask", "transforms rotation box"]


def first_step(drawn: dict, kind: str) -> dict:
    steps = [step for clip in drawn["real_video"]["clips"] for step in clip["frames"][0]["transforms"]]
    return next(step for step in steps if step["t"] == kind)


@pytest.mark.parametrize(
    ("edit", "group"),
    [
        (lambda drawn: first_step(drawn, "ResizeTransform").update(new_w=641), "sizes"),
        (lambda drawn: drawn["real_video"]["clips"][0].update(input_hw=[700, 1280]), "sizes"),
        (lambda drawn: drawn["real_video"]["clips"][0]["frames"][2].update(out_hw=[1, 1]), "sizes"),
        (lambda drawn: first_step(drawn, "CropTransform").update(x0=-1), "crop windows"),
        (lambda drawn: first_step(drawn, "CropTransform").update(y0=5000), "crop windows"),
    ],
)
def test_one_size_or_window_is_seen(folder: Path, edit: Callable[[Any], None], group: str) -> None:
    change(folder / "clip_augmentation_draws.json", edit)
    assert failing(folder)[0] == f"draws real_video {group}"


def crops_of(drawn: dict) -> list[list[dict]]:
    """Crops of each clip that has them, frame by frame."""
    frames = [[frame["transforms"][1] for frame in clip["frames"]] for clip in drawn["real_video"]["clips"]]
    return [crops for crops in frames if crops[0]["t"] == "CropTransform"]


def shuffle(drawn: dict) -> None:
    """The window of a clip that moves goes back and forth."""
    crops = next(crops for crops in crops_of(drawn) if crops[0]["x0"] != crops[-1]["x0"])
    crops[0]["x0"], crops[2]["x0"] = crops[2]["x0"], crops[0]["x0"]


def rotations_of(drawn: dict) -> list[dict]:
    return [frame["transforms"][-1] for frame in drawn["pseudo_video"]["clips"][0]["frames"]]


@pytest.mark.parametrize(
    ("edit", "group"),
    [
        (shuffle, "real_video window paths"),
        (lambda drawn: rotations_of(drawn)[1].update(angle=15.5), "pseudo_video rotations"),
        (
            lambda drawn: rotations_of(drawn)[1].update(angle=rotations_of(drawn)[0]["angle"] * 2),
            "pseudo_video rotations",
        ),
        (lambda drawn: rotations_of(drawn)[1]["center"].reverse(), "pseudo_video rotations"),
    ],
)
def test_a_path_or_turn_that_ours_cannot_draw_is_seen(folder: Path, edit: Callable[[Any], None], group: str) -> None:
    change(folder / "clip_augmentation_draws.json", edit)
    assert failing(folder) == [f"draws {group}"]


def test_a_test_time_size_is_seen(folder: Path) -> None:
    sizes = "test_resize_shortest_edge_max1333"
    change(folder / "transforms.json", lambda facts: facts[sizes].update({"360:300x1600": [251, 1333]}))
    assert failing(folder) == ["transforms test sizes"]


def test_what_was_not_recorded_is_not_checked_and_what_was_besides_is_named(folder: Path) -> None:
    def edit(tensors: dict) -> None:
        del tensors["crop.mask"]
        tensors["shear.image"] = tensors["image"].clone()

    change(folder / "transforms.safetensors", edit)
    (folder / "clip_augmentation_draws.json").unlink()
    found = outcomes(folder)
    assert "transforms crop mask" not in found
    assert found["transforms: 1 not compared: shear.image"] is None
    assert not [group for group in found if group.startswith("draws")]


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("transforms.json", lambda facts: facts.pop("parameters"), "no entry 'parameters'"),
        ("transforms.json", lambda facts: facts["parameters"]["rotation"].pop("center_xy"), "no entry 'center_xy'"),
        ("transforms.json", lambda facts: facts["parameters"]["rotation"].update(expand=True), "keeps the size"),
        ("transforms.safetensors", lambda tensors: tensors.pop("image"), "no tensor 'image'"),
        ("clip_augmentation_draws.json", lambda drawn: drawn["real_video"].pop("clips"), "no entry 'clips'"),
        ("clip_augmentation_draws.json", lambda drawn: first_step(drawn, "CropTransform").update(t="Shear"), "'Shear'"),
        ("clip_augmentation_draws.json", lambda drawn: drawn["real_video"]["augmentation_list"].pop(1), "2 resizes"),
    ],
)
def test_a_malformed_recording_is_named(folder: Path, name: str, edit: Callable[[Any], None], message: str) -> None:
    change(folder / name, edit)
    with pytest.raises(UserError, match=f"{name}.*{message}"):
        list(checks(folder))
