"""Whole released models: full sets of names, what they hold, what is left out, and every kind of wrong file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from official_layouts import Layout, random_state, read_layout
from published_files import torchvision_names, zoo_pickle
from safetensors.torch import load_file
from tiny_run import files_in, vita
from torch import Tensor
from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, ResNetConfig
from transformers.utils import logging

from vita.core.contract import UserError
from vita.official.checkpoints.published import PublishedWeights, Request, read_published, told_holds

GOLDEN = Path(__file__).parents[2] / "golden"
COCO, YTVIS, OVIS = 80, 40, 25
State = dict[str, Tensor]


def of_classes(layout: Layout, classes: int) -> Layout:
    """The layout of 40 classes with heads and class weights of others."""
    headed = ("class_embed.weight", "class_embed.bias", "empty_weight", "class_embed.layers.1.weight")
    headed += ("class_embed.layers.1.bias",)
    return {key: (classes + 1, *shape[1:]) if key.endswith(headed) else shape for key, shape in layout.items()}


@cache
def released(name: str, classes: int = YTVIS) -> State:
    return random_state(of_classes(read_layout(name), classes))


def detector_of(state: State) -> State:
    return {key: tensor for key, tensor in state.items() if not key.startswith("vita_")}


def saved(path: Path, state: Any) -> Path:
    torch.save(state, path)
    return path


def read(path: Path, state: State, method: str, **given: Any) -> PublishedWeights:
    options = given.pop("options", None)
    return read_published(saved(path / "a.pth", {"model": state}), Request(method, options, **given))


# Every published whole model


@pytest.mark.parametrize(
    ("name", "classes", "holds", "layout"),
    [
        ("vita_r50", COCO, "image", "released checkpoint of vita, backbone ResNet-50"),
        ("vita_r101", COCO, "image", "released checkpoint of vita, backbone ResNet-101"),
        ("vita_swinl", COCO, "image", "released checkpoint of vita, backbone Swin-L with window 12"),
        ("vita_r50", YTVIS, "video", "released checkpoint of vita, backbone ResNet-50"),
        ("vita_r50", OVIS, "video", "released checkpoint of vita, backbone ResNet-50"),
        ("vita_swinl", YTVIS, "video", "released checkpoint of vita, backbone Swin-L with window 12"),
        ("mask2former_vis_r50", YTVIS, "video", "released checkpoint of mask2former_vis, backbone ResNet-50"),
        ("mask2former_vis_r50", COCO, "image", "released checkpoint of mask2former_vis, backbone ResNet-50"),
        (
            "mask2former_vis_swinl",
            YTVIS,
            "video",
            "released checkpoint of mask2former_vis, backbone Swin-L with window 12",
        ),
        ("ifc_r50", YTVIS, "video", "released checkpoint of ifc, backbone ResNet-50"),
    ],
)
def test_full_sets_of_names(name: str, classes: int, holds: str, layout: str, tmp_path: Path) -> None:
    state, method = released(name, classes), name.rpartition("_")[0]
    found = read(tmp_path, state, method)
    assert (found.holds, found.layout, found.num_classes, found.fresh) == (holds, layout, classes, [])
    assert found.tensors == len(state)
    unused = ("empty_weight", "relative_position_index")
    assert found.left_out == [key for key in state if key.endswith(unused)]
    kept = sum(tensor.numel() for key, tensor in state.items() if not key.endswith(unused))
    assert sum(tensor.numel() for tensor in found.state.values()) == kept


def test_an_image_mask2former_starts_both_methods(tmp_path: Path) -> None:
    """Mask2Former on COCO: the whole of Mask2Former-VIS, the detector of VITA."""
    state = detector_of(released("vita_r101", COCO))
    for method, alone, absent in (("mask2former_vis", "", 0), ("vita", " (detector alone)", 7)):
        found = read(tmp_path, state, method, holds="image")
        assert found.layout == f"released checkpoint of {method}{alone}, backbone ResNet-101"
        assert (found.num_classes, len(found.fresh)) == (COCO, absent)
        with pytest.raises(UserError, match="not a finished video model"):
            read(tmp_path, state, method, holds="video")


def test_a_mask2former_of_transformers_is_an_image_model(tmp_path: Path) -> None:
    stages = ["stage1", "stage2", "stage3", "stage4"]
    backbone = ResNetConfig(embedding_size=8, hidden_sizes=[16, 32, 64, 128], depths=[1, 1, 1, 1], out_features=stages)
    sizes = {"feature_size": 32, "mask_feature_size": 32, "hidden_dim": 32, "num_attention_heads": 4}
    logging.set_verbosity_error()
    config = Mask2FormerConfig(backbone_config=backbone, num_queries=7, num_labels=5, decoder_layers=4, **sizes)
    Mask2FormerForUniversalSegmentation(config).save_pretrained(tmp_path)
    found = read_published(tmp_path, Request("vita"))
    assert (found.holds, found.num_classes) == ("image", 5)
    assert (
        found.layout == "transformers checkpoint of vita (detector alone), backbone ResNet of 1-1-1-1 bottleneck blocks"
    )
    with pytest.raises(UserError, match="holds one model; leave --pick out"):
        read_published(tmp_path, Request("vita", None, pick="ema"))


def test_a_prefix_of_distributed_training(tmp_path: Path) -> None:
    state = load_file(GOLDEN / "mask2former_vis" / "state_dict.safetensors")
    path, out = (
        saved(tmp_path / "in.pth", {"model": {f"module.{key}": t for key, t in state.items()}}),
        tmp_path / "out",
    )
    ended = vita("convert", "weights", path, "--method", "mask2former_vis", "--out", out.with_suffix(".safetensors"))
    assert ended.code == 0 and ended.out.startswith(f"{path}: 402 tensors -> ")


def test_counts_of_batches_are_left_out(tmp_path: Path) -> None:
    count = "detr.backbone.0.backbone.stem.conv1.norm.num_batches_tracked"
    found = read(tmp_path, {**released("ifc_r50"), count: torch.tensor(3)}, "ifc")
    assert found.left_out == ["criterion.empty_weight", count]


# What a file holds


@pytest.mark.parametrize(
    ("absent", "classes", "found"),
    [
        ([], COCO, "image"),
        ([], YTVIS, "video"),
        ([], OVIS, "video"),
        ([], 3, "video"),
        ([], None, "video"),
        (["object_encoder"], COCO, "image"),
        (["object_encoder"], YTVIS, "image"),
    ],
)
def test_what_parts_and_classes_say(absent: list[str], classes: int | None, found: str) -> None:
    assert told_holds(absent, classes, None, None, "file") == found


@pytest.mark.parametrize(
    ("absent", "classes", "said", "message"),
    [
        (["object_encoder"], COCO, "video", "holds an image model (no object_encoder), not a finished video model"),
        (
            [],
            COCO,
            "video",
            "its class heads are of 80 classes, those of COCO: an image model, not a finished video model",
        ),
        ([], YTVIS, "image", "of 40 classes, those of YouTube-VIS: a finished video model, not an image model"),
        ([], OVIS, "image", "of 25 classes, those of OVIS: a finished video model, not an image model"),
        (["object_encoder"], YTVIS, "image", "of 40 classes, those of YouTube-VIS"),
        ([], YTVIS, "backbone", "holds more than a backbone: a finished video model"),
        (["object_encoder"], COCO, "backbone", "holds more than a backbone: an image model"),
    ],
)
def test_a_file_of_another_kind_than_said(absent: list[str], classes: int, said: Any, message: str) -> None:
    with pytest.raises(UserError) as error:
        told_holds(absent, classes, said, None, "file")
    assert message in str(error.value) and str(error.value).startswith("file: ")


def test_other_numbers_of_classes_leave_the_word_to_the_caller() -> None:
    assert told_holds([], 3, "image", None, "file") == "image"
    assert told_holds([], 3, "video", None, "file") == "video"
    assert told_holds([], COCO, "video", COCO, "file") == "video"  # videos of COCO's classes, said twice


def test_the_files_own_classes_tell_not_those_of_new_heads(tmp_path: Path) -> None:
    state = released("mask2former_vis_r50", COCO)
    found = read(tmp_path, state, "mask2former_vis", num_classes=YTVIS, new_heads=0)
    assert (found.holds, found.num_classes) == ("image", YTVIS)
    assert found.fresh == ["decoder.class_head.weight", "decoder.class_head.bias"]


# Wrong files: one line, exit code 2, nothing written


def convert(source: Path, folder: Path, *arguments: object) -> str:
    before = files_in(folder)
    message = vita("convert", "weights", source, "--out", folder / "out.safetensors", *arguments).message
    assert files_in(folder) == before and "\n" not in message
    return message


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


DAMAGED: dict[str, Callable[[Path], Path]] = {
    "a .pth that ends early": lambda folder: cut(saved(folder / "a.pth", {"model": released("ifc_r50")})),
    "a .pkl that ends early": lambda folder: cut(zoo_pickle(folder / "a.pkl", backbone())),
    "a page": lambda folder: written(folder / "a.pth", b"<!DOCTYPE html>"),
    "nothing": lambda folder: written(folder / "a.pkl", b""),
    "a pointer": lambda folder: written(folder / "a.safetensors", b"version https://git-lfs.github.com/spec/v1"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_file(kind: str, tmp_path: Path) -> None:
    path = DAMAGED[kind](tmp_path)
    said = convert(path, tmp_path, "--method", "ifc")
    assert said.startswith(f"{path}: not a readable checkpoint; it may be truncated")


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "R-50.pkl"
    assert convert(path, tmp_path, "--method", "ifc") == f"{path}: no such checkpoint file"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"conv.weight": torch.ones(3, 3)}, "weights of another model"),
        ({"blocks.0.attn.qkv.weight": torch.ones(3, 3), "patch_embed.proj.weight": torch.ones(1)}, "another model"),
        ([1, 2], "not a checkpoint: expected tensors by name, found a list"),
        ({"epoch": 3}, "not a checkpoint: expected tensors by name, but epoch among 1 entries"),
    ],
)
def test_a_file_of_something_else(content: Any, said: str, tmp_path: Path) -> None:
    assert said in convert(saved(tmp_path / "a.pth", content), tmp_path, "--method", "vita")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("vita_r101", {"detector": {}}, "holds a ResNet-101, but the method's options are of a ResNet-50"),
        (
            "vita_r50",
            {"detector": {"backbone": {"kind": "swin"}}},
            "holds a ResNet-50, but the method's options are of a Swin-L with window 12",
        ),
    ],
)
def test_a_whole_model_on_another_backbone(name: str, options: dict, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        read(tmp_path, released(name), "vita", options=options)


@pytest.mark.parametrize("holds", ["image", "video"])
def test_a_model_without_a_backbone(holds: Any, tmp_path: Path) -> None:
    state = {key: tensor for key, tensor in released("ifc_r50").items() if ".backbone." not in key}
    with pytest.raises(UserError, match="holds no backbone, and so not "):
        read(tmp_path, state, "ifc", holds=holds)


@pytest.mark.parametrize(
    "odd",
    [
        torch.ones(256, 256).to_sparse(),
        torch.ones(256, 256, dtype=torch.complex64),
        torch.ones(256, 256, device="meta"),
    ],
)
def test_tensors_that_are_no_plain_numbers(odd: Tensor, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"not a checkpoint: .*detr.query_embed.weight among"):
        read(tmp_path, {**released("ifc_r50"), "detr.query_embed.weight": odd}, "ifc")


def test_numbers_that_are_none_are_refused_by_name(tmp_path: Path) -> None:
    state = {**released("ifc_r50"), "detr.query_embed.weight": torch.full((10, 256), float("nan"))}
    path = saved(tmp_path / "a.pth", {"model": state})
    said = convert(path, tmp_path, "--method", "ifc")
    named = "(detr.query_embed.weight); the file is of no use"
    assert said == f"{path}: NaN or infinite entries in 1 of {len(state) - 1} tensors {named}"


def test_holds_and_pick_on_the_command_line(tmp_path: Path) -> None:
    last, average = (torchvision_names({k: n * t for k, t in backbone().items()}) for n in (1.0, 2.0))
    path, out = saved(tmp_path / "a.pth", {"model": last, "ema": average}), tmp_path / "out.safetensors"
    given = (path, "--method", "ifc", "--holds", "backbone")
    assert "holds several weights (ema, model); choose one with --pick" in convert(path, tmp_path, *given[1:])
    ended = vita("convert", "weights", *given, "--pick", "ema", "--out", out)
    assert ended.code == 0
    assert "read as a backbone alone: torchvision ResNet-50" in ended.out
    counts = "layer*.*.downsample.*.num_batches_tracked (4), layer*.*.bn*.num_batches_tracked (48)"
    assert f"left out: bn1.num_batches_tracked, {counts}, fc.weight, fc.bias\n" in ended.out
    assert "parts that the file does not hold: encoder, decoder, mask_head, projection, class_hidden" in ended.out
    assert "classes:" not in ended.out
    assert "\noptions of the backbone from the shapes, all others by default: {" in ended.out
    made = load_file(out)["backbone.extractor.encoder.stages.0.layers.0.layer.0.convolution.weight"]
    assert torch.equal(made, average["layer1.0.conv1.weight"])
    assert "holds a backbone alone, torchvision ResNet-50, not an image model" in convert(
        path, tmp_path, "--method", "ifc", "--holds", "image", "--pick", "model"
    )
    wrong = ("--method", "ifc", "--to", "official", "--holds", "video")
    ended = vita("convert", "weights", path, *wrong, "--out", tmp_path / "o.pth")
    assert ended.message == "--holds is of the way to ours; leave it out with --to official"


def backbone() -> State:
    layout = read_layout("vita_r50")
    inside = {key.removeprefix("backbone."): shape for key, shape in layout.items() if key.startswith("backbone.")}
    return random_state(inside)
