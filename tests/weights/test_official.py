"""Names of official checkpoints."""

import json
from pathlib import Path

import pytest
import torch

from vita.contract import UserError
from vita.method import definition
from vita.weights.official import DROPPED, from_official, our_name

# Every key of the official full-size model with ResNet-50, and its shape.
OFFICIAL: dict[str, list[int]] = json.loads((Path(__file__).parent / "keys_vita_r50.json").read_text())


def official_state() -> dict[str, torch.Tensor]:
    return {key: torch.empty(shape, device="meta") for key, shape in OFFICIAL.items()}


def test_every_official_key_has_a_name_of_ours() -> None:
    assert [key for key in OFFICIAL if our_name(key) is None and not DROPPED.fullmatch(key)] == []
    assert sum(bool(DROPPED.fullmatch(key)) for key in OFFICIAL) == 2  # class weights of the two losses


def test_names_and_shapes_are_those_of_our_model() -> None:
    with torch.device("meta"):
        ours = definition.build({}, num_classes=40).state_dict()
    converted = from_official(official_state())
    assert converted.keys() == ours.keys()
    assert {name: tensor.shape for name, tensor in converted.items()} == {name: t.shape for name, t in ours.items()}


def test_no_two_keys_get_one_name() -> None:
    kept = [key for key in OFFICIAL if not DROPPED.fullmatch(key)]
    split = sum(key.endswith(("in_proj_weight", "in_proj_bias")) for key in kept)
    whole = sum("transformer_cross_attention_layers" in key and "in_proj" in key and "sem_seg" in key for key in kept)
    assert len(from_official(official_state())) == len(kept) + 2 * (split - whole)


def test_stacked_projections_are_split_in_the_order_query_key_value() -> None:
    key = "vita_module.enc_self_attn.1.self_attn.in_proj_bias"
    converted = from_official({key: torch.arange(6.0)})
    stem = "object_encoder.layers.1.attention"
    assert {name: tensor.tolist() for name, tensor in converted.items()} == {
        f"{stem}.query.bias": [0, 1],
        f"{stem}.key.bias": [2, 3],
        f"{stem}.value.bias": [4, 5],
    }


def test_tensors_are_free_of_the_checkpoints_memory() -> None:
    stacked = torch.zeros(6, 2)
    parts = from_official({"vita_module.enc_self_attn.0.self_attn.in_proj_weight": stacked})
    stacked.fill_(1)
    assert all(tensor.sum() == 0 for tensor in parts.values())


def test_unknown_keys_are_an_error_that_names_them() -> None:
    state = {"vita_module.query_feat.weight": torch.zeros(1), "head.fc.weight": torch.zeros(1), "x": torch.zeros(1)}
    with pytest.raises(UserError, match=r"2 keys are unknown.*'head.fc.weight', 'x'"):
        from_official(state)


@pytest.mark.parametrize("key", ["", "vita_module", "vita_module.mask_embed.weight", "backbone.res2.0.conv1"])
def test_incomplete_keys_have_no_name(key: str) -> None:
    assert our_name(key) is None
