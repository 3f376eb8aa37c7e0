"""Sizes from official configurations, from shapes, and where both contradict each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from official_layouts import read_layout

from vita.blocks.backbone import ResNetOptions, SwinOptions
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.frame_detector import FrameDetector
from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.model.method import VitaOptions
from vita.official.checkpoints.backbone import backbone_options
from vita.official.checkpoints.detector import detector_options
from vita.official.checkpoints.state_dict import official_shapes, shapes_of
from vita.official.vita.names import VitaOfficial

SMALL = {
    "MODEL.RESNETS.STEM_OUT_CHANNELS": 8,
    "MODEL.RESNETS.RES2_OUT_CHANNELS": 32,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 8,
    "MODEL.SEM_SEG_HEAD.CONVS_DIM": 32,
    "MODEL.SEM_SEG_HEAD.MASK_DIM": 32,
    "MODEL.SEM_SEG_HEAD.TRANSFORMER_ENC_LAYERS": 3,
    "MODEL.MASK_FORMER.HIDDEN_DIM": 32,
    "MODEL.MASK_FORMER.NHEADS": 4,
    "MODEL.MASK_FORMER.DIM_FEEDFORWARD": 64,
    "MODEL.MASK_FORMER.DEC_LAYERS": 4,
    "MODEL.MASK_FORMER.NUM_OBJECT_QUERIES": 10,
    "MODEL.MASK_FORMER.TRAIN_NUM_POINTS": 112,
    "MODEL.VITA.HIDDEN_DIM": 32,
    "MODEL.VITA.NHEADS": 4,
    "MODEL.VITA.DIM_FEEDFORWARD": 64,
    "MODEL.VITA.ENC_LAYERS": 2,
    "MODEL.VITA.DEC_LAYERS": 1,
    "MODEL.VITA.NUM_OBJECT_QUERIES": 8,
    "MODEL.VITA.LAST_LAYER_NUM": 2,
    "MODEL.VITA.ENC_WINDOW_SIZE": 0,
    "MODEL.VITA.SIM_WEIGHT": 0.0,
}


def vita_options(config: dict[str, Any], layout: dict[str, tuple[int, ...]]) -> VitaOptions:
    return parse(VitaOptions, VitaOfficial().options(config, layout), "test")


def detector_of(options: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Official shapes of a detector with these options."""
    with torch.device("meta"):
        model = FrameDetector(DetectorOptions(**options), num_classes=5)
    ours = {f"detector.{name}": shape for name, shape in shapes_of(model.state_dict()).items()}
    return official_shapes(ours, VitaOfficial())


def test_nothing_named_is_the_released_model() -> None:
    assert vita_options({}, {}) == VitaOptions()


def test_the_released_layouts_give_the_released_options() -> None:
    assert vita_options({}, read_layout("vita_r50")) == VitaOptions()
    depths = DetectorOptions(backbone=ResNetOptions(depths=(3, 4, 23, 3)))
    assert vita_options({}, read_layout("vita_r101")).detector == depths
    large = DetectorOptions(backbone=SwinOptions(kind="swin"), queries=200)
    assert vita_options({}, read_layout("vita_swinl")).detector == large


def test_configuration_alone() -> None:
    options = vita_options(SMALL, {})
    detector = options.detector
    assert detector.backbone == ResNetOptions(stem_channels=8, channels=(32, 64, 128, 256))
    assert (detector.channels, detector.heads, detector.feedforward, detector.queries) == (32, 4, 64, 10)
    assert (detector.pixel_layers, detector.pixel_feedforward, detector.decoder_layers) == (3, 1024, 3)
    assert (options.heads, options.feedforward, options.encoder_layers, options.decoder_layers) == (4, 64, 2, 1)
    assert (options.video_queries, options.fed_layers, options.window) == (8, 2, 0)
    assert (options.similarity_weight, options.frame_points, options.video_points) == (0.0, 112, 112)


def test_a_frozen_detector_is_a_stage() -> None:
    assert vita_options({"MODEL.VITA.FREEZE_DETECTOR": True}, {}).stage == "frozen"
    assert vita_options({"MODEL.VITA.FREEZE_DETECTOR": False}, {}).stage == "joint"


def test_configuration_and_shapes_that_agree() -> None:
    options = detector_options(SMALL, {})
    assert detector_options(SMALL, detector_of(options)) == options
    assert detector_options({}, detector_of(options)) == options  # all of a detector shows in its shapes


@pytest.mark.parametrize(
    "options",
    [
        {"backbone": {"kind": "resnet", "block": "basic", "channels": (16, 32, 64, 128), "depths": (2, 2, 2, 2)}},
        {"backbone": {"kind": "resnet", "channels": (32, 64, 128, 256), "depths": (1, 2, 3, 1), "stem_channels": 4}},
        {"backbone": {"kind": "resnet", "block": "basic", "channels": (8, 8, 8, 8), "depths": (1, 1, 1, 1)}},
        {"backbone": {"kind": "swin", "channels": 12, "depths": (1, 2, 3, 1), "heads": (1, 2, 3, 6), "window": 5}},
    ],
)
def test_every_size_of_a_detector_shows_in_its_shapes(options: dict[str, Any]) -> None:
    sizes = {"channels": 32, "heads": 2, "feedforward": 48, "queries": 7, "pixel_layers": 2, "pixel_feedforward": 40}
    wanted = DetectorOptions(**options, **sizes, decoder_layers=4)
    assert DetectorOptions(**detector_options({}, detector_of(wanted.model_dump()))) == wanted


@pytest.mark.parametrize(
    ("depth", "block", "depths", "channels"),
    [
        (18, "basic", (2, 2, 2, 2), 64),
        (34, "basic", (3, 4, 6, 3), 64),
        (50, "bottleneck", (3, 4, 6, 3), 256),
        (101, "bottleneck", (3, 4, 23, 3), 256),
        (152, "bottleneck", (3, 8, 36, 3), 256),
    ],
)
def test_depths_of_residual_networks(depth: int, block: str, depths: tuple[int, ...], channels: int) -> None:
    options = ResNetOptions(**backbone_options({"MODEL.RESNETS.DEPTH": depth}, {}, "backbone."))
    assert (options.block, options.depths, options.channels[0]) == (block, depths, channels)


def test_a_swin_is_named_or_seen() -> None:
    named = {
        "MODEL.BACKBONE.NAME": "D2SwinTransformer",
        "MODEL.SWIN.EMBED_DIM": 96,
        "MODEL.SWIN.DEPTHS": [2, 2, 6, 2],
        "MODEL.SWIN.NUM_HEADS": [3, 6, 12, 24],
        "MODEL.SWIN.WINDOW_SIZE": 7,
        "MODEL.SWIN.DROP_PATH_RATE": 0.2,
        "MODEL.SWIN.APE": False,
        "MODEL.RESNETS.DEPTH": 101,  # of the file that a Swin's configuration inherits from
    }
    tiny = SwinOptions(kind="swin", channels=96, depths=(2, 2, 6, 2), heads=(3, 6, 12, 24), window=7, drop_path=0.2)
    assert SwinOptions(**backbone_options(named, {}, "")) == tiny
    seen = detector_of({"backbone": tiny.model_dump()})
    assert SwinOptions(**backbone_options({"MODEL.SWIN.DROP_PATH_RATE": 0.2}, seen, "backbone.")) == tiny
    assert backbone_options(named, seen, "backbone.") == backbone_options(named, {}, "")


def test_a_prefix_tells_where_the_backbone_lies() -> None:
    seen = {f"detr.backbone.0.{key}": shape for key, shape in read_layout("vita_r101").items()}
    assert backbone_options({}, seen, "detr.backbone.0.backbone.")["depths"] == (3, 4, 23, 3)
    assert backbone_options({}, seen, "backbone.")["depths"] == (3, 4, 6, 3)


def test_trained_batch_norm() -> None:
    assert detector_options({"MODEL.RESNETS.NORM": "SyncBN"}, {})["norm"] == "trained"
    assert detector_options({"MODEL.RESNETS.NORM": "FrozenBN"}, {})["norm"] == "frozen"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("MODEL.MASK_FORMER.NHEADS", 4, "4, but the weights are of 8"),
        ("MODEL.MASK_FORMER.DEC_LAYERS", 7, "7, but the weights are of 10"),
        ("MODEL.MASK_FORMER.NUM_OBJECT_QUERIES", 200, "200, but the weights are of 100"),
        ("MODEL.MASK_FORMER.HIDDEN_DIM", 128, "128, but the weights are of 256"),
        ("MODEL.SEM_SEG_HEAD.TRANSFORMER_ENC_LAYERS", 3, "3, but the weights are of 6"),
        ("MODEL.RESNETS.DEPTH", 101, "(3, 4, 23, 3), but the weights are of (3, 4, 6, 3)"),
        ("MODEL.RESNETS.DEPTH", 34, "basic, but the weights are of bottleneck"),
        ("MODEL.RESNETS.STEM_OUT_CHANNELS", 32, "32, but the weights are of 64"),
        (
            "MODEL.RESNETS.RES2_OUT_CHANNELS",
            128,
            "(128, 256, 512, 1024), but the weights are of (256, 512, 1024, 2048)",
        ),
        ("MODEL.RESNETS.WIDTH_PER_GROUP", 32, "32, but the weights are of 64"),
        ("MODEL.BACKBONE.NAME", "D2SwinTransformer", "swin, but the weights are of resnet"),
        ("MODEL.VITA.ENC_LAYERS", 3, "3, but the weights are of 6"),
        ("MODEL.VITA.DEC_LAYERS", 6, "6, but the weights are of 3"),
        ("MODEL.VITA.NUM_OBJECT_QUERIES", 50, "50, but the weights are of 100"),
        ("MODEL.VITA.DIM_FEEDFORWARD", 1024, "1024, but the weights are of 2048"),
        ("MODEL.VITA.HIDDEN_DIM", 128, "128, but the weights are of 256"),
    ],
)
def test_contradictions_are_named(key: str, value: Any, said: str) -> None:
    with pytest.raises(UserError) as error:
        VitaOfficial().options({key: value}, read_layout("vita_r50"))
    assert str(error.value).startswith(key) and said in str(error.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MODEL.SWIN.WINDOW_SIZE", 7),
        ("MODEL.SWIN.EMBED_DIM", 96),
        ("MODEL.SWIN.DEPTHS", [2, 2, 6, 2]),
        ("MODEL.SWIN.NUM_HEADS", (3, 6, 12, 24)),
    ],
)
def test_contradictions_of_a_swin_are_named(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=key):
        backbone_options({key: value}, read_layout("vita_swinl"), "backbone.")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MODEL.BACKBONE.NAME", "build_resnet_deeplab_backbone"),
        ("MODEL.RESNETS.DEPTH", 20),
        ("MODEL.RESNETS.STRIDE_IN_1X1", True),
        ("MODEL.RESNETS.NUM_GROUPS", 32),
        ("MODEL.RESNETS.WIDTH_PER_GROUP", 128),
        ("MODEL.MASK_FORMER.PRE_NORM", True),
        ("MODEL.MASK_FORMER.ENFORCE_INPUT_PROJ", True),
        ("MODEL.SEM_SEG_HEAD.PIXEL_DECODER_NAME", "BasePixelDecoder"),
        ("MODEL.VITA.PRE_NORM", True),
        ("MODEL.VITA.ENFORCE_INPUT_PROJ", False),
        ("MODEL.VITA.NO_OBJECT_WEIGHT", 1.0),
    ],
)
def test_variants_that_we_do_not_have_are_refused(key: str, value: Any) -> None:
    with pytest.raises(UserError, match=rf"{key} is .*supported"):
        VitaOfficial().options({key: value}, {})


def test_an_absolute_position_of_a_swin_is_refused() -> None:
    with pytest.raises(UserError, match=r"MODEL.SWIN.APE is True; supported is False"):
        backbone_options({"MODEL.BACKBONE.NAME": "D2SwinTransformer", "MODEL.SWIN.APE": True}, {}, "")


def test_widths_that_must_be_equal() -> None:
    config = {"MODEL.MASK_FORMER.HIDDEN_DIM": 256, "MODEL.SEM_SEG_HEAD.MASK_DIM": 128}
    with pytest.raises(UserError, match=r"HIDDEN_DIM 256, MODEL.SEM_SEG_HEAD.MASK_DIM 128: these must be equal"):
        detector_options(config, {})
