"""Options of the method: what they build, and what is said when they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from official_layouts import read_layout
from promises import refused

from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.settings import overlay
from vita.official.checkpoints.state_dict import layout
from vita.official.plugins import find_official
from vita_baselines.mask2former_vis.method import Mask2FormerVisInference, definition
from vita_baselines.mask2former_vis.network import Mask2FormerVis

ROOT = Path(__file__).parents[3]
FILE = yaml.safe_load((ROOT / "workflow/config/methods/mask2former_vis.yaml").read_text())
VITA_FILE = yaml.safe_load((ROOT / "workflow/config/methods/vita.yaml").read_text())
YOUTUBE_VIS_CLASSES = 40
PAIRS = [("release", backbone) for backbone in FILE["backbones"]] + [(preset, "tiny") for preset in FILE["presets"]]


def build(options: dict[str, Any], num_classes: int = YOUTUBE_VIS_CLASSES) -> Mask2FormerVis:
    """Shapes only, no memory."""
    with torch.device("meta"):
        model = definition.build(options, num_classes)
    assert isinstance(model, Mask2FormerVis)
    return model


@pytest.mark.parametrize(("preset", "backbone"), sorted(set(PAIRS)))
def test_every_preset_and_every_backbone_builds(preset: str, backbone: str) -> None:
    build(overlay(FILE["presets"][preset], FILE["backbones"][backbone]))


@pytest.mark.parametrize("variant", FILE["variants"])
def test_every_training_variant_builds(variant: str) -> None:
    build(overlay(FILE["presets"]["tiny"], FILE["variants"][variant].get("options", {})))


@pytest.mark.parametrize("name", [name for name, keys in FILE["inference"].items() if "through" not in keys])
def test_every_inference_variant_of_its_own_is_read(name: str) -> None:
    assert definition.read_variant(FILE["inference"][name]) == Mask2FormerVisInference()


@pytest.mark.parametrize("preset", ["small", "tiny"])
def test_small_presets_have_the_sizes_of_vitas(preset: str) -> None:
    assert FILE["presets"][preset]["detector"] == VITA_FILE["presets"][preset]["detector"]
    assert FILE["backbones"] == VITA_FILE["backbones"]


# Frozen batch norm has no parameters, in the released models neither.
@pytest.mark.parametrize(
    ("backbone", "parameters"), [("r50", 43_959_977), ("r101", 62_899_881), ("swin_l", 215_511_709)]
)
def test_the_release_has_as_many_parameters_as_published(backbone: str, parameters: int) -> None:
    model = build(overlay(FILE["presets"]["release"], FILE["backbones"][backbone]))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_the_release_has_the_official_weights_names_and_shapes() -> None:
    """They are those of VITA's frame detector."""
    official = read_layout("mask2former_vis_r50")
    assert official == {key: shape for key, shape in read_layout("vita_r50").items() if not key.startswith("vita_")}
    counterpart = find_official("mask2former_vis")
    model = build(counterpart.options({}, official))
    assert layout(model, counterpart) == official


def test_official_sizes_give_official_options() -> None:
    config = {
        "MODEL.MASK_FORMER.DEC_LAYERS": 4,
        "MODEL.MASK_FORMER.NUM_OBJECT_QUERIES": 7,
        "MODEL.MASK_FORMER.TRAIN_NUM_POINTS": 99,
    }
    options = find_official("mask2former_vis").options(config, {})
    assert options["points"] == 99
    assert options["detector"]["queries"] == 7
    assert options["detector"]["decoder_layers"] == 3  # the official number counts the bare queries
    build(options)


@pytest.mark.parametrize(
    ("key", "value"), [("MODEL.MASK_FORMER.DROPOUT", 0.1), ("MODEL.MASK_FORMER.DEEP_SUPERVISION", False)]
)
def test_an_official_configuration_of_another_kind_is_refused(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=key):
        find_official("mask2former_vis").options({key: value}, {})


def test_the_method_is_found_by_its_name() -> None:
    assert find_method("mask2former_vis") is definition


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"window": 6}, ["'window'", "detector", "labels", "points", "mask2former_vis"]),
        ({"labels": "first_frame"}, ["labels", "'last_frame' or 'instance'", "'first_frame'"]),
        ({"points": 0}, ["points", "greater than 0"]),
        ({"detector": {"channels": 48}}, ["detector.channels", "multiple of 32", "48"]),
        ({"detector": {"heads": 7}}, ["detector.heads", "7", "256"]),
    ],
)
def test_wrong_options_are_named_with_what_is_allowed(options: dict[str, Any], parts: list[str]) -> None:
    with refused(parts):
        build(options)


def test_inference_has_no_options() -> None:
    with pytest.raises(UserError, match="prune_ratio"):
        definition.read_variant({"prune_ratio": 0.5})
