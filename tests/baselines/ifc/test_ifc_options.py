"""Options of the method: what they build, and what is said when they cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from promises import refused

from vita.blocks.losses.matching import Weights
from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.settings import overlay
from vita.engine.inference_plan import read_plan
from vita.official.checkpoints.state_dict import layout
from vita.official.plugins import find_official
from vita_baselines.ifc.inference import IfcVariant
from vita_baselines.ifc.method import Ifc, definition

ROOT = Path(__file__).parents[3]
FILE = yaml.safe_load((ROOT / "workflow/config/methods/ifc.yaml").read_text())
VITA_FILE = yaml.safe_load((ROOT / "workflow/config/methods/vita.yaml").read_text())
YOUTUBE_VIS_CLASSES = 40
PAIRS = [("release", backbone) for backbone in FILE["backbones"]] + [(preset, "tiny") for preset in FILE["presets"]]


def build(options: dict[str, Any], num_classes: int = YOUTUBE_VIS_CLASSES) -> Ifc:
    """Shapes only, no memory."""
    with torch.device("meta"):
        model = definition.build(options, num_classes)
    assert isinstance(model, Ifc)
    return model


@pytest.mark.parametrize(("preset", "backbone"), sorted(set(PAIRS)))
def test_every_preset_and_every_backbone_builds(preset: str, backbone: str) -> None:
    build(overlay(FILE["presets"][preset], FILE["backbones"][backbone]))


@pytest.mark.parametrize("name", FILE["inference"])
def test_every_inference_variant_is_read(name: str) -> None:
    plan = read_plan(definition, {name: FILE["inference"][name]})
    assert plan.names == [name]
    assert all(isinstance(variant, IfcVariant) for variant in plan.direct.values())


def test_intact_inference_is_the_released_one() -> None:
    released = IfcVariant(
        clip_frames=5, stride=1, match_threshold=0.05, multi_class=True, class_threshold=0.01, max_tracks=None
    )
    assert definition.read_variant(FILE["inference"]["intact"]) == released


@pytest.mark.parametrize("name", ["small", "tiny"])
def test_small_presets_have_the_sizes_of_vitas(name: str) -> None:
    vita = VITA_FILE["presets"][name]["detector"]
    shared = ("channels", "heads", "feedforward", "norm")
    assert {key: FILE["presets"][name][key] for key in shared} == {key: vita[key] for key in shared}
    assert FILE["backbones"][name]["backbone"] == VITA_FILE["backbones"][name]["detector"]["backbone"]


# Frozen batch norm has no parameters, in the released model neither.
def test_the_release_has_as_many_parameters_as_published() -> None:
    parameters = list(build(overlay(FILE["presets"]["release"], FILE["backbones"]["r50"])).parameters())
    assert sum(parameter.numel() for parameter in parameters) == 39_148_009
    assert sum(parameter.numel() for parameter in parameters if parameter.requires_grad) == 38_925_609


@pytest.mark.parametrize(("stride", "stages"), [(32, 4), (16, 3)])
@pytest.mark.parametrize("backbone", ["tiny", "swin_l"])
def test_a_finer_stride_leaves_out_the_last_stage(backbone: str, stride: int, stages: int) -> None:
    model = build({"backbone": FILE["backbones"][backbone]["backbone"], "encoder_stride": stride})
    width = model.projection.in_channels
    assert width == {"tiny": (16, 32, 64, 128), "swin_l": (192, 384, 768, 1536)}[backbone][stages - 1]
    assert [adapter.in_channels for adapter in model.mask_head.adapters] == [width // 2, width // 4]


def test_official_sizes_give_official_options() -> None:
    config = {
        "MODEL.IFC.NUM_MEMORY_BUS": 5,
        "MODEL.IFC.NHEADS": 4,
        "MODEL.IFC.DROPOUT": 0.2,
        "MODEL.IFC.NO_OBJECT_WEIGHT": 0.3,
        "MODEL.IFC.MASK_WEIGHT": 2.0,
        "MODEL.IFC.MASK_STRIDE": 8,
        "MODEL.IFC.MATCH_STRIDE": 8,
        "MODEL.BACKBONE.FREEZE_AT": 1,
        "MODEL.RESNETS.DEPTH": 101,
    }
    options = find_official("ifc").options(config, {})
    model = build(options)
    assert model.encoder.memory.shape == (5, 256)
    assert model.criterion.weights == Weights(1.0, 2.0, 3.0)
    assert (model.criterion.no_object_weight, model.criterion.stride) == (0.3, 8)
    assert len(model.backbone.extractor.encoder.stages[2].layers) == 23
    assert model.encoder.frame_layers[0].attention.weights_dropout.rate == 0.2
    weights = find_official("ifc").constants(model)["criterion.empty_weight"]
    assert weights.shape == (41,)


@pytest.mark.parametrize("sizes", [{}, {"memory_tokens": 3, "encoder_layers": 1, "decoder_layers": 2, "queries": 7}])
def test_shapes_alone_give_the_model_back(sizes: dict[str, Any]) -> None:
    """Nothing but the number of heads has to be known beside the weights."""
    model = build({"channels": 64, "heads": 8, "feedforward": 96, **sizes}, num_classes=6)
    shapes = layout(model, find_official("ifc"))
    assert layout(build(find_official("ifc").options({}, shapes), 6), find_official("ifc")) == shapes


@pytest.mark.parametrize(
    ("config", "part"),
    [
        ({"MODEL.IFC.PRE_NORM": True}, "PRE_NORM"),
        ({"MODEL.IFC.DEEP_SUPERVISION": False}, "DEEP_SUPERVISION"),
        ({"MODEL.IFC.MATCH_STRIDE": 8}, "MATCH_STRIDE"),
        ({"INPUT.FORMAT": "BGR"}, "INPUT.FORMAT"),
        ({"MODEL.RESNETS.STRIDE_IN_1X1": True}, "STRIDE_IN_1X1"),
    ],
)
def test_an_official_configuration_of_another_kind_is_refused(config: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError, match=part):
        find_official("ifc").options(config, {})


@pytest.mark.parametrize(
    ("key", "value"), [("NUM_CLASSES", 5), ("NUM_MEMORY_BUS", 9), ("ENC_LAYERS", 2), ("NUM_OBJECT_QUERIES", 99)]
)
def test_a_configuration_of_other_weights_is_refused(key: str, value: int) -> None:
    shapes = layout(build({}), find_official("ifc"))
    with pytest.raises(UserError, match=rf"MODEL\.IFC\.{key}.*{value}"):
        find_official("ifc").options({f"MODEL.IFC.{key}": value}, shapes)


def test_every_weight_has_its_official_name() -> None:
    model = build({})
    names = [name for name in model.state_dict() if find_official("ifc").source(name) is None]
    assert names == []
    assert find_official("ifc").source("object_encoder.project.weight") is None
    assert find_official("ifc").source("decoder.layers.0") is None


def test_the_method_is_found_by_its_name() -> None:
    assert find_method("ifc") is definition


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"window": 6}, ["'window'", "memory_tokens", "encoder_stride", "ifc"]),
        ({"encoder_stride": 8}, ["encoder_stride", "32 or 16", "8"]),
        ({"frozen_stages": 6}, ["frozen_stages", "less than or equal to 5", "6"]),
        ({"memory_tokens": 0}, ["memory_tokens", "greater than 0"]),
        ({"channels": 48}, ["channels", "multiple of 32", "48"]),
        ({"heads": 7}, ["heads", "7", "256"]),
        ({"dropout": 1.0}, ["dropout", "less than 1"]),
        ({"backbone": {"kind": "swin", "heads": [6, 12, 24, 47]}}, ["backbone.heads", "47", "1536"]),
    ],
)
def test_wrong_options_are_named_with_what_is_allowed(options: dict[str, Any], parts: list[str]) -> None:
    with refused(parts):
        build(options)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"top_k": 10}, ["'top_k'", "max_tracks", "ifc"]),
        ({"clip_frames": 0}, ["clip_frames", "greater than 0"]),
        ({"clip_frames": 3, "stride": 4}, ["stride is 4", "3 frames", "clip_frames"]),
        ({"class_threshold": 1.0}, ["class_threshold", "less than 1"]),
    ],
)
def test_wrong_inference_options_are_named(options: dict[str, Any], parts: list[str]) -> None:
    with refused(parts):
        definition.read_variant(options)
