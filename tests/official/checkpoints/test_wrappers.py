"""What programs wrap around weights: prefixes, keys, moving averages; a choice is asked for and never guessed."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from vita.core.contract import UserError
from vita.official.checkpoints.files import read_official
from vita.official.checkpoints.state_dict import check_fit
from vita.official.checkpoints.wrappers import author_of, weights_in

STATE = {"backbone.stem.conv1.weight": torch.ones(2, 3), "criterion.empty_weight": torch.ones(4)}
AVERAGE = {key: 2 * tensor for key, tensor in STATE.items()}
State = dict[str, Tensor]


def prefixed(prefix: str, state: State) -> State:
    return {prefix + key: tensor for key, tensor in state.items()}


def equal(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"model": STATE},
        {"state_dict": STATE, "epoch": 3, "args": {"lr": 0.1}},
        prefixed("module.", STATE),
        {"model": prefixed("module.", STATE)},
        {"state_dict": prefixed("model.", STATE), "callbacks": {}, "optimizer_states": [{"state": {0: {"a": STATE}}}]},
        {"state_dict": prefixed("model.module.", STATE)},
        prefixed("module.model.", STATE),
        prefixed("_orig_mod.", STATE),
        prefixed("_fsdp_wrapped_module.", STATE),
        {"state_dict": prefixed("_forward_module.model.", STATE)},
        {key.replace("backbone.", "backbone._fsdp_wrapped_module._orig_mod."): value for key, value in STATE.items()},
        {"module": {key.replace(".stem", "._checkpoint_wrapped_module.stem"): value for key, value in STATE.items()}},
        {"model": STATE, "optimizer": {"backbone.stem.conv1.weight": {"exp_avg": torch.ones(2, 3)}}},
        {"model": STATE, "optimizer": {"state": {0: {"exp_avg": torch.ones(2, 3)}}}},
        {"model": STATE, "rng_state": torch.zeros(16, dtype=torch.uint8), "iteration": np.int64(3)},
        {"model": STATE, "scheduler": {"last_lr": np.float64(0.1)}},
        {"model": {"weights": {"last": STATE}}},
        {**STATE, "__author__": "somebody", "matching_heuristics": True},
        {"n_averaged": torch.tensor(9), **prefixed("module.", STATE)},
    ],
)
def test_what_is_around_one_state_dict_is_taken_off(content: Any, tmp_path: Path) -> None:
    assert equal(weights_in(content, "file"), STATE)
    torch.save(content, tmp_path / "a.pth")
    assert equal(read_official(tmp_path / "a.pth"), STATE)


def test_prefixes_in_safetensors(tmp_path: Path) -> None:
    save_file(prefixed("model.", STATE), tmp_path / "a.safetensors")
    assert equal(read_official(tmp_path / "a.safetensors"), STATE)


def test_torchs_own_average() -> None:
    averaged = AveragedModel(torch.nn.Linear(2, 3)).state_dict()
    assert set(averaged) == {"n_averaged", "module.weight", "module.bias"}
    assert set(weights_in(averaged, "file")) == {"weight", "bias"}


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ({"model": STATE, "ema": AVERAGE}, ("model", "ema")),
        ({"model": prefixed("module.", STATE), "ema": prefixed("module.", AVERAGE)}, ("model", "ema")),
        ({"state_dict": STATE, "state_dict_ema": AVERAGE, "epoch": 1}, ("state_dict", "state_dict_ema")),
        ({"model": STATE, "ema": {"state_dict": AVERAGE, "updates": 3}}, ("model", "ema.state_dict")),
        (
            {"state_dict": {**prefixed("model.", STATE), **prefixed("ema.", AVERAGE)}},
            ("state_dict.model", "state_dict.ema"),
        ),
        ({**prefixed("student.", STATE), **prefixed("teacher.", AVERAGE)}, ("student", "teacher")),
        ({"state_dict": STATE, "callbacks": {"EMA": {"weights": AVERAGE}}}, ("state_dict", "callbacks.EMA.weights")),
    ],
)
def test_of_several_weights_one_is_picked(content: Any, names: tuple[str, str], tmp_path: Path) -> None:
    torch.save(content, tmp_path / "a.pth")
    listed = ", ".join(sorted(names))
    with pytest.raises(UserError) as error:
        read_official(tmp_path / "a.pth")
    assert str(error.value) == f"{tmp_path / 'a.pth'}: holds several weights ({listed}); choose one with --pick"
    assert equal(read_official(tmp_path / "a.pth", names[0]), STATE)
    assert equal(read_official(tmp_path / "a.pth", names[1]), AVERAGE)
    with pytest.raises(UserError, match=f"no weights are called 'best' there; names to choose from: {listed}$"):
        read_official(tmp_path / "a.pth", "best")


def test_a_pick_where_there_is_nothing_to_pick() -> None:
    with pytest.raises(UserError, match=r"no weights are called 'ema' there; .*: none, leave --pick out$"):
        weights_in(STATE, "file", "ema")
    with pytest.raises(UserError, match=r"no weights are called 'ema' there; names to choose from: model$"):
        weights_in({"model": STATE}, "file", "ema")
    assert equal(weights_in({"model": STATE}, "file", "model"), STATE)


def test_a_prefix_before_some_names_only_stays() -> None:
    mixed = {**prefixed("module.", STATE), "backbone.stem.conv1.bias": torch.ones(2)}
    assert equal(weights_in(mixed, "file"), mixed)
    assert equal(weights_in(prefixed("encoder.", STATE), "file"), prefixed("encoder.", STATE))


@given(st.lists(st.sampled_from(["module.", "_orig_mod.", "model."]), max_size=3), st.sampled_from(["", "model"]))
def test_any_order_of_wrappers(prefixes: list[str], key: str) -> None:
    state = prefixed("".join(prefixes), STATE)
    assert equal(weights_in({key: OrderedDict(state)} if key else state, "file"), STATE)


def test_content_that_holds_itself_ends() -> None:
    content: dict[str, Any] = {"a": {}}
    content["a"]["b"] = content
    with pytest.raises(UserError, match="not a checkpoint"):
        weights_in(content, "file")


def test_authors() -> None:
    assert author_of({"model": STATE, "__author__": "torchvision"}) == "torchvision"
    assert author_of({"model": STATE, "__author__": 3}) is None
    assert author_of(STATE) is author_of([1]) is None


def test_a_prefix_that_no_wrapper_is_known_by_is_named() -> None:
    wanted = {key: tuple(tensor.shape) for key, tensor in STATE.items()}
    found = {f"net.{key}": shape for key, shape in wanted.items()}
    with pytest.raises(UserError, match=r"^in\.pth: weights of another model: .* All names begin with 'net\.', which"):
        check_fit(found, wanted, "in.pth")
    with pytest.raises(UserError, match=r"2 unknown \(net\.\S+, net\.\S+\)$"):
        check_fit({**found, **wanted}, wanted, "in.pth")
