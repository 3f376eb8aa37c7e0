"""Options of the method: what they build, and what is said when they cannot."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from promises import refused

from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.settings import overlay
from vita.engine.inference_plan import read_plan
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant

FILE = yaml.safe_load((Path(__file__).parents[2] / "workflow/config/methods/vita.yaml").read_text())
YOUTUBE_VIS_CLASSES = 40


def build(options: dict[str, Any], num_classes: int = YOUTUBE_VIS_CLASSES) -> Vita:
    """Shapes only, no memory."""
    with torch.device("meta"):
        model = definition.build(options, num_classes)
    assert isinstance(model, Vita)
    return model


def parameters(model: Vita, prefix: str = "") -> int:
    return sum(p.numel() for name, p in model.named_parameters() if name.startswith(prefix))


PAIRS = [("release", backbone) for backbone in FILE["backbones"]] + [(preset, "tiny") for preset in FILE["presets"]]


@pytest.mark.parametrize(("preset", "backbone"), sorted(set(PAIRS)))
def test_every_preset_and_every_backbone_builds(preset: str, backbone: str) -> None:
    options = overlay(FILE["presets"][preset], FILE["backbones"][backbone])
    model = build(options)
    assert len(model.object_encoder.layers) == options["encoder_layers"]
    assert len(model.object_decoder.layers) == options["decoder_layers"]


@pytest.mark.parametrize("variant", FILE["variants"])
def test_every_training_variant_builds(variant: str) -> None:
    build(overlay(FILE["presets"]["tiny"], FILE["variants"][variant].get("options", {})))


@pytest.mark.parametrize("name", FILE["inference"])
def test_every_inference_variant_is_read(name: str) -> None:
    plan = read_plan(definition, {name: FILE["inference"][name]})
    assert plan.names == [name]
    assert all(isinstance(variant, VitaVariant) for variant in plan.direct.values())


def test_what_inference_options_mean() -> None:
    assert definition.read_variant({}) == VitaVariant(window=None, prune_ratio=1.0, control=None, shift=True)
    variant = definition.read_variant({"window": 0, "prune_ratio": 0.25, "control": "zero", "shift": False})
    assert variant == VitaVariant(window=0, prune_ratio=0.25, control="zero", shift=False)


# Frozen batch norm has no parameters, in the released models neither.
@pytest.mark.parametrize(
    ("backbone", "whole", "detector"), [("r50", 57_135_058, 43_959_977), ("r101", 76_074_962, 62_899_881)]
)
def test_the_release_has_as_many_parameters_as_published(backbone: str, whole: int, detector: int) -> None:
    model = build(overlay(FILE["presets"]["release"], FILE["backbones"][backbone]))
    assert parameters(model) == whole
    assert parameters(model, "detector.") == detector
    assert len(model.object_encoder.layers) == 6
    assert len(model.object_decoder.layers) == 3


def test_the_release_with_swin_has_as_many_parameters_as_published() -> None:
    model = build(overlay(FILE["presets"]["release"], FILE["backbones"]["swin_l"]))
    assert parameters(model) == 228_712_390


@pytest.mark.parametrize(("preset", "video_level"), [("release", 13_200_681), ("paper", 13_991_721)])
def test_video_level_of_release_and_paper(preset: str, video_level: int) -> None:
    model = build(overlay(FILE["presets"][preset], FILE["backbones"]["swin_l"]))
    assert parameters(model) - parameters(model, "detector.") == video_level


def test_the_method_is_found_by_its_name() -> None:
    assert find_method("vita") is definition
    with pytest.raises(UserError, match=r"unknown method 'vtia'; installed are: .*vita"):
        find_method("vtia")


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"windw": 6}, ["'windw'", "window", "video_queries"]),
        ({"detector": {"width": 3}}, ["'detector.width'", "channels", "decoder_layers"]),
        (
            {"detector": {"backbone": {"kind": "resnet", "layers": 3}}},
            ["backbone", "layers", "depths", "stem_channels"],
        ),
        ({"detector": {"backbone": {"kind": "vgg"}}}, ["detector.backbone", "'vgg'", "'resnet', 'swin'"]),
        (
            {"detector": {"backbone": {"kind": "resnet", "block": "wide"}}},
            ["block", "'basic' or 'bottleneck'", "'wide'"],
        ),
        ({"detector": {"backbone": {"kind": "resnet", "depths": [3, 4]}}}, ["depths"]),
        ({"detector": {"norm": "batch"}}, ["detector.norm", "'frozen' or 'trained'", "'batch'"]),
        ({"detector": {"channels": 48}}, ["detector.channels", "multiple of 32", "48"]),
        ({"stage": "both"}, ["stage", "'joint', 'detector' or 'frozen'", "'both'"]),
        ({"window": -1}, ["window", "greater than or equal to 0", "-1"]),
        ({"window": "six"}, ["window", "integer", "'six'"]),
        ({"encoder_layers": 0}, ["encoder_layers", "greater than 0"]),
        ({"similarity_weight": -0.5}, ["similarity_weight", "greater than or equal to 0", "-0.5"]),
        ({"fed_layers": 4, "detector": {"decoder_layers": 3}}, ["fed_layers", "4", "3 layers", "decoder_layers"]),
    ],
)
def test_wrong_options_are_named_with_what_is_allowed(options: dict[str, Any], parts: list[str]) -> None:
    with refused(parts):
        build(options)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"heads": 7}, ["heads", "7", "256"]),
        ({"detector": {"heads": 7}}, ["detector.heads", "7", "256"]),
        ({"detector": {"backbone": {"kind": "swin", "heads": [5, 12, 24, 48]}}}, ["heads", "5", "192"]),
    ],
)
def test_heads_that_do_not_divide_the_channels_are_refused(options: dict[str, Any], parts: list[str]) -> None:
    with refused(parts):
        build(options)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"ratio": 0.5}, ["'ratio'", "control, prune_ratio, shift, window"]),
        ({"prune_ratio": 0}, ["prune_ratio", "greater than 0"]),
        ({"prune_ratio": 1.5}, ["prune_ratio", "less than or equal to 1", "1.5"]),
        ({"control": "noise"}, ["control", "'zero', 'first_frame' or 'one_token'", "'noise'"]),
        ({"window": -3}, ["window", "-3"]),
    ],
)
def test_wrong_inference_options_are_named_with_what_is_allowed(options: dict[str, Any], parts: list[str]) -> None:
    with refused(parts):
        definition.read_variant(options)
