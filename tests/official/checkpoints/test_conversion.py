"""Whole checkpoints of a tiny VITA and its detector: there and back, fewer parts, other classes, wrong files."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from official_layouts import to_official
from tiny_run import OPTIONS
from torch import Tensor

from vita.core.contract import UserError
from vita.engine.checkpoint import load_weights, save_weights
from vita.model.method import Vita, definition
from vita.official.checkpoints.conversion import Converted, class_heads, current_names, to_ours, to_theirs
from vita.official.checkpoints.state_dict import layout
from vita.official.plugins import find_official

HEADS = ["detector.class_head.weight", "detector.class_head.bias", "class_head.weight", "class_head.bias"]
VIDEO_PARTS = [
    "class_head",
    "frame_similarity",
    "mask_embedding",
    "mask_projection",
    "object_decoder",
    "object_encoder",
    "video_similarity",
]
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def tiny() -> Vita:
    """Of three classes; no test changes it."""
    torch.manual_seed(0)
    return definition.build({**OPTIONS, "detector": {**OPTIONS["detector"], "norm": "frozen"}}, 3)


@pytest.fixture(scope="module")
def official(tiny: Vita) -> State:
    return to_official(tiny, find_official("vita"))


@pytest.fixture(scope="module")
def options(tiny: Vita) -> dict[str, Any]:
    """What shapes tell: all but the heads of the video module, and the points of the loss."""
    return find_official("vita").options({}, layout(tiny, find_official("vita")))


def equal(ours: State, theirs: State) -> bool:
    return ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def detector_of(official: State) -> State:
    return {key: t for key, t in official.items() if not key.startswith(("vita_module.", "vita_criterion."))}


def test_there_and_back_without_any_option(tiny: Vita, official: State) -> None:
    there = to_ours(official, "vita", None, "file")
    assert equal(there.state, tiny.state_dict())
    assert (there.num_classes, there.fresh, there.absent) == (3, [], [])
    back = to_theirs(there.state, "vita", None, "file")
    assert equal(back.state, official)
    assert back.num_classes == 3


def test_class_heads_are_those_that_classes_change(options: dict[str, Any]) -> None:
    assert class_heads(definition, options, "test") == HEADS


def test_half_precision_becomes_single(official: State) -> None:
    half = {key: tensor.half() if tensor.is_floating_point() else tensor for key, tensor in official.items()}
    converted = to_ours(half, "vita", None, "file").state
    assert {tensor.dtype for tensor in converted.values()} == {torch.float32}
    assert torch.equal(converted["class_head.weight"], half["vita_module.class_embed.weight"].float())


def test_a_trained_batch_norm_gets_its_count(official: State, options: dict[str, Any]) -> None:
    trained = {**options, "detector": {**options["detector"], "norm": "trained"}}
    converted = to_ours(official, "vita", trained, "file")
    assert converted.fresh and all(name.endswith("num_batches_tracked") for name in converted.fresh)
    assert {converted.state[name].item() for name in converted.fresh} == {0}
    assert converted.state.keys() == definition.build(trained, 3).state_dict().keys()
    for given in (trained, None):
        assert equal(to_theirs(converted.state, "vita", given, "file").state, official)


def test_missing_class_weights_do_no_harm(tiny: Vita, official: State) -> None:
    weights = {key: tensor for key, tensor in official.items() if not key.endswith("criterion.empty_weight")}
    assert len(weights) == len(official) - 2
    assert equal(to_ours(weights, "vita", None, "file").state, tiny.state_dict())


# Parts


def test_an_image_detector_is_the_detector_alone(tiny: Vita, official: State) -> None:
    converted = to_ours(detector_of(official), "vita", None, "file")
    assert converted.absent == VIDEO_PARTS
    assert equal(converted.state, {k: t for k, t in tiny.state_dict().items() if k.startswith("detector.")})
    back = to_theirs(converted.state, "vita", None, "file")
    assert back.absent == VIDEO_PARTS
    weights = {key: t for key, t in detector_of(official).items() if not key.startswith("criterion.")}
    assert equal(back.state, weights)


def test_a_run_starts_from_a_converted_image_detector(tiny: Vita, official: State, tmp_path: Path) -> None:
    converted = to_ours(detector_of(official), "vita", None, "file", num_classes=5, new_heads=1)
    save_weights(converted.state, tmp_path / "detector.safetensors")
    loaded = load_weights(deepcopy(tiny), tmp_path / "detector.safetensors")
    assert loaded.absent_parts == VIDEO_PARTS
    assert loaded.reinitialised == sorted(HEADS[:2])  # five classes there, three here


def test_a_part_must_be_whole(official: State) -> None:
    state = {key: t for key, t in official.items() if key != "vita_module.fq_pos.weight"}
    with pytest.raises(UserError, match=r"^file: weights of another model: 1 missing \(vita_module.fq_pos.weight\)$"):
        to_ours(state, "vita", None, "file")


# Classes


def new_heads(official: State, seed: int = 0, classes: int | None = 40) -> Converted:
    return to_ours(official, "vita", None, "file", num_classes=classes, new_heads=seed)


def test_new_heads_are_of_the_wanted_classes_and_all_else_is_kept(tiny: Vita, official: State) -> None:
    converted = new_heads(official)
    assert (converted.num_classes, converted.fresh, converted.absent) == (40, HEADS, [])
    assert [tuple(converted.state[name].shape) for name in HEADS] == [(41, 32), (41,)] * 2
    kept = {name: tensor for name, tensor in tiny.state_dict().items() if name not in HEADS}
    assert equal({name: t for name, t in converted.state.items() if name not in HEADS}, kept)


def test_new_heads_of_the_same_number_of_classes_are_new_too(tiny: Vita, official: State) -> None:
    converted = new_heads(official, seed=7, classes=None)
    assert converted.num_classes == 3
    assert not torch.equal(converted.state["class_head.weight"], tiny.class_head.weight)


def test_new_heads_follow_their_seed_and_leave_the_generator_alone(official: State) -> None:
    before = torch.get_rng_state()
    one, same, other = new_heads(official, 1), new_heads(official, 1), new_heads(official, 2)
    assert torch.equal(torch.get_rng_state(), before)
    assert equal(one.state, same.state)
    assert not torch.equal(one.state["class_head.weight"], other.state["class_head.weight"])


def test_an_image_detector_gets_a_new_head_of_its_own_alone(official: State) -> None:
    converted = new_heads(detector_of(official))
    assert converted.fresh == HEADS[:2]
    assert converted.absent == VIDEO_PARTS


def test_another_number_of_classes_needs_new_heads(official: State) -> None:
    with pytest.raises(UserError, match=r"^file: its class heads are of 3 classes, not 40; .* --new-heads$"):
        to_ours(official, "vita", None, "file", num_classes=40)


def test_heads_of_different_numbers_of_classes(official: State) -> None:
    mixed = {**official, **{key: official[key][:3] for key in official if "vita_module.class_embed" in key}}
    with pytest.raises(UserError, match=r"^file: its class heads are of 2 and 3 classes$"):
        to_ours(mixed, "vita", None, "file")
    assert new_heads(mixed).num_classes == 40


# Older names


def test_older_names_are_read(official: State) -> None:
    old = {
        key.replace("sem_seg_head.pixel_decoder.", "sem_seg_head.").replace(
            "sem_seg_head.predictor.query_feat", "sem_seg_head.predictor.static_query"
        ): tensor
        for key, tensor in official.items()
    }
    assert old.keys() != official.keys()
    assert equal(current_names(old), official)
    assert equal(current_names(official), official)


# Wrong files


def test_everything_that_does_not_fit_is_listed(official: State, options: dict[str, Any]) -> None:
    state = {**official, "head.fc.weight": torch.zeros(1), "vita_module.fq_pos.weight": torch.zeros(7, 32)}
    del state["sem_seg_head.predictor.decoder_norm.bias"]
    with pytest.raises(UserError) as error:
        to_ours(state, "vita", options, "file")
    assert str(error.value) == (
        "file: weights of another model: 1 missing (sem_seg_head.predictor.decoder_norm.bias); "
        "1 unknown (head.fc.weight); 1 of another shape (vita_module.fq_pos.weight (7, 32), wanted (5, 32))"
    )


def test_options_that_are_not_the_files(official: State, options: dict[str, Any]) -> None:
    with pytest.raises(
        UserError, match=r"12 missing \(vita_module.enc_self_attn.1.*2 of another shape.*\(5, 32\), wanted \(7, 32\)"
    ):
        to_ours(official, "vita", {**options, "encoder_layers": 2, "video_queries": 7}, "file")
    with pytest.raises(UserError, match=r"^file: options of method vita: unknown key 'layers'"):
        to_ours(official, "vita", {"layers": 3}, "file")


def test_weights_of_something_else(options: dict[str, Any]) -> None:
    for convert in (to_ours, to_theirs):
        with pytest.raises(UserError, match=r"^file: weights of another model: 1 unknown \(stem.conv1.weight\)$"):
            convert({"stem.conv1.weight": torch.zeros(8, 3, 7, 7)}, "vita", options, "file")


def test_a_file_in_the_wrong_direction(tiny: Vita, official: State) -> None:
    with pytest.raises(UserError, match=r"unknown \(detector\."):
        to_ours(tiny.state_dict(), "vita", None, "file")
    with pytest.raises(UserError, match=r"unknown \(backbone\."):
        to_theirs(official, "vita", None, "file")


def test_a_method_without_an_official_implementation() -> None:
    told = "file: unknown official implementation of the method 'vistr'; installed are: ifc, mask2former_vis, vita"
    with pytest.raises(UserError, match=told):
        to_ours({}, "vistr", None, "file")
