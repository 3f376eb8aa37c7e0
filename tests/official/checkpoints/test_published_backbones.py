"""Backbones as each program publishes them: every layout gives the recorded maps; wrong ones are refused."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from official_layouts import random_state, read_layout
from published_files import (
    backbone_of,
    caffe2_names,
    swin_classifier,
    torchvision_names,
    transformers_folder,
    without_output_norms,
    zoo_pickle,
)
from pydantic import TypeAdapter
from safetensors.torch import load_file
from tiny_run import vita
from torch import Tensor
from transformers.utils import logging

from vita.blocks.backbone import Backbone, ResNetOptions, SwinOptions
from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import UserError
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.published import PublishedWeights, Request, read_published
from vita.official.conformance.check import VALUES, compare

RECORDED = Path(__file__).parents[2] / "golden" / "backbones"
# The whole set, where it is at hand.
SHARED = Path(__file__).parents[4] / "shared" / "golden"
RECORDINGS = Path(os.environ.get("VITA_RECORDINGS", SHARED)).resolve() / "backbones"
PREFIX = {
    "vita": "detector.mask2former.pixel_level_module.encoder.",
    "mask2former_vis": "pixel_level.backbone.",
    "ifc": "backbone.extractor.",
}
METHODS = list(PREFIX)
DEPTHS = {"resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}
State = dict[str, Tensor]
Write = Callable[[Path, State, ResNetOptions | SwinOptions], Path]


@pytest.fixture(scope="module", autouse=True)
def quiet() -> None:
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def saved(path: Path, content: Any) -> Path:
    torch.save(content, path)
    return path


RESNET_LAYOUTS: dict[str, Write] = {
    "detectron2": lambda folder, state, _: zoo_pickle(folder / "a.pkl", state),
    "torchvision": lambda folder, state, _: saved(folder / "a.pth", torchvision_names(state)),
    "classifier": lambda folder, state, options: transformers_folder(
        folder / "a", state, options.configuration(), classifier=True
    ),
    "backbone": lambda folder, state, options: transformers_folder(
        folder / "a", state, options.configuration(), classifier=False
    ),
}
SWIN_LAYOUTS: dict[str, Write] = {
    "original": lambda folder, state, _: saved(folder / "a.pth", {"model": swin_classifier(state)}),
    "wrapped": lambda folder, state, _: zoo_pickle(
        folder / "a.pkl", swin_classifier(state), "third_party", arrays=False
    ),
    "arrays": lambda folder, state, _: zoo_pickle(folder / "a.pkl", swin_classifier(state), "third_party"),
    "classifier": lambda folder, state, options: transformers_folder(
        folder / "a", state, options.configuration(), classifier=True
    ),
}


@cache
def recipe(network: str, folder: Path = RECORDED) -> State:
    """The weights behind the recording of a released size."""
    layout = json.loads((folder / f"full_{network}_keys.json").read_text())
    return portable_weights({key: tuple(shape) for key, shape in layout.items()})


@cache
def tiny_swin() -> State:
    return backbone_of(load_file(RECORDED / "swin_tiny_state_dict.safetensors"), prefix="")


def options_of(read: PublishedWeights) -> ResNetOptions | SwinOptions:
    options = read.options.get("detector", read.options)["backbone"]
    section: ResNetOptions | SwinOptions = TypeAdapter(ResNetOptions | SwinOptions).validate_python(options)
    return section


def loaded(read: PublishedWeights, method: str) -> Backbone:
    """Our backbone with exactly the tensors that were read."""
    model = Backbone(options_of(read), norm="frozen")
    model.load_state_dict({name.replace(PREFIX[method], "extractor."): t for name, t in read.state.items()})
    return model.eval()


@torch.no_grad()
def maps_of(model: Backbone, frames: Tensor) -> list[Tensor]:
    return model(normalise_and_pad([frames], divisor=1))


# Recorded maps


@pytest.mark.parametrize(
    ("network", "method", "layout"),
    [("resnet50", "mask2former_vis", "detectron2"), *(("resnet101", "vita", layout) for layout in RESNET_LAYOUTS)],
)
def test_a_resnet_of_every_layout_gives_the_recorded_map(
    network: str, method: str, layout: str, tmp_path: Path
) -> None:
    path = RESNET_LAYOUTS[layout](tmp_path, recipe(network), ResNetOptions(depths=DEPTHS[network]))
    read = read_published(path, Request(method, None, holds="backbone"))
    recorded = load_file(RECORDED / "full_portable.safetensors")
    wanted = recorded[f"{network}.res5"]
    found = maps_of(loaded(read, method), recorded["frames_uint8"][: len(wanted)])[-1]
    assert compare(layout, [(found, wanted)], VALUES).passed
    assert 0.5 < found.mean() / wanted.mean() < 2
    assert not [name for name in read.fresh if name in read.state]


@pytest.mark.parametrize("method", METHODS)
def test_the_statistics_of_frozen_norms_are_loaded(method: str, tmp_path: Path) -> None:
    state = recipe("resnet50")
    read = read_published(zoo_pickle(tmp_path / "a.pkl", state), Request(method))
    norm = f"{PREFIX[method]}encoder.stages.2.layers.5.layer.1.normalization."
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        assert torch.equal(read.state[norm + leaf], state[f"res4.5.conv2.norm.{leaf}"])
    assert (read.holds, read.num_classes) == ("backbone", None)
    assert read.layout == "detectron2 ImageNet ResNet-50 (author: torchvision)"
    assert read.left_out == ["stem.fc.weight"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("layout", SWIN_LAYOUTS)
def test_a_swin_of_every_layout_gives_the_recorded_maps(layout: str, method: str, tmp_path: Path) -> None:
    """Published Swins have no norms behind their stages: these start as the identity, and the recording's follow."""
    small = SwinOptions(kind="swin", channels=16, depths=(2, 2, 2, 2), heads=(1, 2, 4, 8), window=7)
    read = read_published(SWIN_LAYOUTS[layout](tmp_path, tiny_swin(), small), Request(method))
    recorded = load_file(RECORDED / "swin_tiny.safetensors")
    model = loaded(read, method)
    for case in ("case0", "case1", "case2"):
        pairs = [
            (_scaled(found, stage), recorded[f"{case}.res{stage + 2}"])
            for stage, found in enumerate(maps_of(model, recorded[f"{case}.frames_uint8"]))
        ]
        assert compare(layout, pairs, VALUES).passed
    new = [name for name in read.fresh if name in read.state]
    assert len(new) == 8 and all("hidden_states_norms.stage" in name for name in new)
    assert {float(read.state[name].unique()) for name in new} == {0.0, 1.0}


def _scaled(found: Tensor, stage: int) -> Tensor:
    weight, bias = (tiny_swin()[f"norm{stage}.{leaf}"] for leaf in ("weight", "bias"))
    return found * weight[:, None, None] + bias[:, None, None]


def test_norms_that_a_file_has_are_kept(tmp_path: Path) -> None:
    read = read_published(saved(tmp_path / "a.pth", {"model": tiny_swin()}), Request("ifc"))
    assert torch.equal(read.state["backbone.extractor.hidden_states_norms.stage3.weight"], tiny_swin()["norm2.weight"])
    assert not [name for name in read.fresh if name in read.state]


@pytest.mark.full_size
@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="the whole set of recordings is not here")
@pytest.mark.parametrize("network", ["swin_l", "swin_t", "resnet50"])
def test_other_released_sizes_give_the_recorded_maps(network: str, tmp_path: Path) -> None:
    state = recipe(network, RECORDINGS)
    path = saved(tmp_path / "a.pth", torchvision_names(state) if network == "resnet50" else {"model": state})
    recorded = load_file(RECORDINGS / "full_portable.safetensors")
    wanted = [recorded[f"{network}.res{stage}"] for stage in range(2, 6)]
    found = maps_of(loaded(read_published(path, Request("ifc")), "ifc"), recorded["frames_uint8"][: len(wanted[0])])
    pairs = [(ours[:, :: ours.shape[1] // theirs.shape[1]], theirs) for ours, theirs in zip(found, wanted, strict=True)]
    assert compare(network, pairs, VALUES).passed


# Full sets of names


@cache
def full(name: str) -> State:
    return random_state(backbone_of(read_layout(name)))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("name", "write", "layout", "left_out", "tensors"),
    [
        ("vita_r50", zoo_pickle, "detectron2 ImageNet ResNet-50 (author: torchvision)", 1, 265),
        ("vita_r101", zoo_pickle, "detectron2 ImageNet ResNet-101 (author: torchvision)", 1, 520),
        ("vita_r50", lambda p, s: saved(p, torchvision_names(s)), "torchvision ResNet-50", 2 + 53, 265),
        ("vita_r101", lambda p, s: saved(p, torchvision_names(s)), "torchvision ResNet-101", 2 + 104, 520),
        (
            "vita_swinl",
            lambda p, s: saved(p, {"model": swin_classifier(s)}),
            "original Swin-L with window 12",
            2 + 24 + 12,
            429,
        ),
    ],
)
def test_full_sets_of_names(
    name: str, write: Callable, layout: str, left_out: int, tensors: int, method: str, tmp_path: Path
) -> None:
    """tensors: of ours; a Swin's query, key and value are three of ours and one of theirs."""
    state = full(name)
    read = read_published(write(tmp_path / "a", state), Request(method))
    assert (read.holds, read.layout, len(read.left_out), len(read.state)) == ("backbone", layout, left_out, tensors)
    kept = without_output_norms(state)
    assert sum(t.numel() for key, t in read.state.items() if "hidden_states" not in key) == sum(
        tensor.numel() for tensor in kept.values()
    )
    assert all(name.startswith(PREFIX[method]) for name in read.state)


def test_torchvisions_names_are_as_many_as_torchvision_has() -> None:
    assert [len(torchvision_names(full(name))) for name in ("vita_r50", "vita_r101")] == [320, 626]


# What is trained here counts batches


def test_a_trained_norm_gets_statistics_and_no_batches(tmp_path: Path) -> None:
    read = read_published(zoo_pickle(tmp_path / "a.pkl", full("vita_r50")), Request("ifc", {"norm": "trained"}))
    counts = [name for name in read.fresh if name in read.state]
    assert len(counts) == 53 and {int(read.state[name]) for name in counts} == {0}
    assert {read.state[name].dtype for name in counts} == {torch.int64}


def test_whole_parts_that_start_anew_are_named(tmp_path: Path) -> None:
    read = read_published(zoo_pickle(tmp_path / "a.pkl", full("vita_r50")), Request("vita"))
    assert read.fresh[:4] == [
        "detector.mask2former.pixel_level_module.decoder",
        "detector.mask2former.transformer_module",
        "detector.class_head",
        "object_encoder",
    ]


# Refused


SWIN = {"detector": {"backbone": {"kind": "swin"}}}
R50 = {"detector": {"backbone": {"kind": "resnet"}}}


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("vita_r50", SWIN, "holds a ResNet-50, but the method's options are of a Swin-L with window 12"),
        ("vita_r101", R50, "holds a ResNet-101, but the method's options are of a ResNet-50"),
        ("vita_swinl", R50, "holds a Swin-L with window 12, but the method's options are of a ResNet-50"),
        (
            "vita_swinl",
            {"detector": {"backbone": {"kind": "swin", "window": 7}}},
            "holds a Swin-L with window 12, but the method's options are of a Swin-L with window 7",
        ),
    ],
)
def test_another_network_is_refused_with_both_named(
    name: str, options: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        read_published(saved(tmp_path / "a.pth", full(name)), Request("vita", options))
    assert str(error.value) == f"{tmp_path / 'a.pth'}: {said}"


def test_a_backbone_is_neither_an_image_nor_a_video_model(tmp_path: Path) -> None:
    path = zoo_pickle(tmp_path / "a.pkl", full("vita_r50"))
    for holds, words in (("image", "an image model"), ("video", "a finished video model")):
        with pytest.raises(UserError, match=f"holds a backbone alone, .*ResNet-50.*, not {words}; name"):
            read_published(path, Request("vita", None, holds=holds))  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused_by_name(value: float, tmp_path: Path) -> None:
    state = {**full("vita_r50")}
    state["res3.1.conv2.weight"] = state["res3.1.conv2.weight"].clone()
    state["res3.1.conv2.weight"][1, 2, 0, 1] = value
    with pytest.raises(UserError, match=r"NaN or infinite entries in 1 of 265 tensors \(res3.1.conv2.weight\)"):
        read_published(zoo_pickle(tmp_path / "a.pkl", state), Request("vita"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"res4.5.conv3.norm.running_var": None}, r"1 missing \(res4.5.conv3.norm.running_var\)"),
        ({"res4.5.conv4.weight": torch.zeros(1)}, r"1 unknown \(res4.5.conv4.weight\)"),
        (
            {"stem.conv1.norm.bias": torch.zeros(32)},
            r"1 of another shape \(stem.conv1.norm.bias \(32,\), wanted \(64,\)",
        ),
    ],
)
def test_a_backbone_is_whole(change: dict[str, Tensor | None], said: str, tmp_path: Path) -> None:
    state = {key: tensor for key, tensor in {**full("vita_r50"), **change}.items() if tensor is not None}
    with pytest.raises(UserError, match=said):
        read_published(zoo_pickle(tmp_path / "a.pkl", state), Request("vita"))


@pytest.mark.parametrize("options", [None, R50])
def test_a_backbone_without_its_last_stage(options: dict[str, Any] | None, tmp_path: Path) -> None:
    state = {key: tensor for key, tensor in full("vita_r50").items() if not key.startswith("res5.")}
    with pytest.raises(UserError, match="without all of its stages res2 to res5; the file is not whole"):
        read_published(saved(tmp_path / "a.pth", state), Request("vita", options))


@pytest.mark.parametrize(
    "odd",
    [
        {"stem.conv1.weight": torch.tensor(1.0)},
        {"stem.conv1.weight": torch.ones(64)},
        {"stem.conv1.norm.running_var": torch.ones(3)},
        {"stem.conv1.norm.weight": torch.ones(64, 2)},
        {"res2.0.conv1.weight": torch.tensor(1.0)},
    ],
)
def test_odd_shapes_are_listed(odd: State, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="weights of another model: 1 of another shape"):
        read_published(saved(tmp_path / "a.pth", {**full("vita_r50"), **odd}), Request("vita"))


def test_a_folder_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(UserError, match=r"model_type is 'vit'; supported are mask2former, swin, resnet$"):
        read_published(tmp_path, Request("vita"))
    (tmp_path / "config.json").write_text('{"model_type": "resnet", "downsample_in_bottleneck": true}')
    with pytest.raises(UserError, match=r"downsample_in_bottleneck is True; supported is False$"):
        read_published(tmp_path, Request("vita"))


# MSRA's


def test_msras_file_is_refused_by_its_layout(tmp_path: Path) -> None:
    """As published: arrays by Caffe2's names, under nothing and without an author."""
    path = tmp_path / "R-101.pkl"
    path.write_bytes(pickle.dumps(caffe2_names(full("vita_r101"))))
    ended = vita("convert", "weights", path, "--method", "ifc", "--out", tmp_path / "out.safetensors")
    assert ended.message.startswith(f"{path}: MSRA's ResNet-101 (told by its author, MSRA): it sees BGR")
    assert [file.name for file in tmp_path.iterdir()] == ["R-101.pkl"]


@pytest.mark.parametrize("author", ["Caffe2", "MSRA"])
def test_msras_author_is_refused(author: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"MSRA's ResNet-50 \(told by its author, {author}\).*use torchvision's"):
        read_published(zoo_pickle(tmp_path / "R-50.pkl", recipe("resnet50"), author), Request("vita"))
