"""The full-size official models: every key, every shape, every number of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from official_layouts import NAMES, PARAMETERS, Layout, random_state, read_layout, to_official
from torch import nn

from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.official.checkpoints.state_dict import from_official, layout
from vita.official.contract import ReferenceAdapter
from vita.official.plugins import find_official


@dataclass(frozen=True)
class Model:
    ours: nn.Module  # without memory for its weights
    official: ReferenceAdapter
    layout: Layout
    options: dict[str, Any]


@cache
def model(name: str) -> Model:
    try:
        definition = find_method(name.rpartition("_")[0])
    except UserError:
        pytest.skip("not installed")
    official = find_official(name.rpartition("_")[0])
    assert official is not None
    theirs = read_layout(name)
    options = official.options({}, theirs)
    with torch.device("meta"):
        return Model(definition.build(options, num_classes=40), official, theirs, options)


@pytest.mark.parametrize("name", NAMES)
def test_our_model_of_the_shapes_has_exactly_the_official_keys(name: str) -> None:
    assert layout(model(name).ours, model(name).official) == model(name).layout


@pytest.mark.parametrize("name", NAMES)
def test_there_and_back_is_the_same_bits(name: str) -> None:
    ours, official = model(name).ours, model(name).official
    state = {**random_state(model(name).layout), **official.constants(ours)}
    converted = from_official(state, ours, official, name)
    assert {key: tuple(tensor.shape) for key, tensor in converted.items()} == {
        key: tuple(tensor.shape) for key, tensor in ours.state_dict().items()
    }
    ours.load_state_dict(converted, assign=True)
    back = to_official(ours, official)
    assert back.keys() == state.keys()
    assert [key for key in state if not torch.equal(back[key], state[key])] == []
    ours.to("meta")


@pytest.mark.parametrize("name", NAMES)
def test_every_tensor_has_a_place_of_its_own(name: str) -> None:
    places = [model(name).official.source(key) for key in model(name).ours.state_dict()]
    assert None not in places
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_of_parameters_are_the_official_ones(name: str) -> None:
    assert sum(parameter.numel() for parameter in model(name).ours.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize(("name", "parameters"), [("vita_r50", 13_175_081), ("vita_swinl", 13_200_681)])
def test_the_video_module_is_of_the_official_size(name: str, parameters: int) -> None:
    """With Swin-L it is 6 % of the detector, as in the paper."""
    ours = model(name).ours
    own = sum(p.numel() for key, p in ours.named_parameters() if not key.startswith("detector."))
    theirs = sum(math.prod(shape) for key, shape in model(name).layout.items() if key.startswith("vita_module."))
    assert own == theirs == parameters
    share = own / (PARAMETERS[name] - own)
    assert round(100 * share) == (6 if name == "vita_swinl" else 30)


@pytest.mark.parametrize("name", NAMES)
def test_the_constants_are_class_weights_and_positions(name: str) -> None:
    constants = model(name).official.constants(model(name).ours)
    weights = [tensor for key, tensor in constants.items() if key.endswith("empty_weight")]
    assert len(weights) == (2 if name.startswith("vita") else 1)
    assert all(tensor.tolist() == [1.0] * 40 + [tensor[-1].item()] for tensor in weights)
    assert all(tensor[-1].item() == pytest.approx(0.1) for tensor in weights)
    indices = [tensor for key, tensor in constants.items() if key.endswith("relative_position_index")]
    assert len(indices) == (24 if name.endswith("swinl") else 0)
    assert all(tensor.shape == (144, 144) and tensor.max() == 23**2 - 1 for tensor in indices)
