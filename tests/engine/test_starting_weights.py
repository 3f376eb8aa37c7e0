"""What a training starts from: nothing, where that can be, or the backbone of somebody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import OPTIONS, content, train_here

from vita.core.config_base import parse
from vita.core.contract import UserError
from vita.core.plugins import find_method
from vita.core.records import FileOrigin, write_record
from vita.core.run_config import RunConfig
from vita.engine.checkpoint import constant_norms, load_backbone, save_weights

FROZEN = {**OPTIONS, "detector": {**OPTIONS["detector"], "norm": "frozen"}}
ORIGIN = FileOrigin(
    file="theirs", sha256="0" * 64, holds="backbone", layout="made here", left_out=[], fresh=[], converter_digest="c"
)


def model(seed: int) -> torch.nn.Module:
    torch.manual_seed(seed)
    built = find_method("vita").build(FROZEN, 3)
    for name, buffer in built.named_buffers():
        if name.endswith("running_var"):
            buffer.copy_(torch.rand_like(buffer) + 1)
    return built


def backbone_of(built: torch.nn.Module, folder: Path) -> Path:
    """A file of its backbone alone: parameters and constants."""
    own = {id(parameter) for parameter in built.backbone_parameters()}  # type: ignore[operator]
    name = next(name for name, parameter in built.named_parameters() if id(parameter) in own)
    prefix = name.partition("encoder.")[0] + "encoder."
    path = folder / "start.safetensors"
    save_weights({key: value for key, value in built.state_dict().items() if key.startswith(prefix)}, path)
    return path


def test_constant_norms_are_found_and_others_are_not() -> None:
    assert len(constant_norms(find_method("vita").build(FROZEN, 3))) > 5
    assert constant_norms(find_method("vita").build(OPTIONS, 3)) == []
    assert constant_norms(torch.nn.Sequential(torch.nn.BatchNorm2d(2), torch.nn.GroupNorm(1, 2))) == []


def test_constant_norms_from_nothing_are_refused_with_what_to_do(videos: Path, tmp_path: Path) -> None:
    config = parse(RunConfig, content(videos) | {"options": FROZEN}, "test")
    with pytest.raises(UserError, match=r"vita 'base' would train from nothing.*start from weights.*`norm: trained`"):
        train_here(config, tmp_path)
    assert json.loads((tmp_path / "work" / "record.json").read_text())["status"] == "failed"


def test_a_training_on_the_backbone_of_others(videos: Path, tmp_path: Path) -> None:
    theirs = model(seed=5)
    start = backbone_of(theirs, tmp_path)
    write_record(tmp_path / "start_record.json", ORIGIN)
    given = {"options": FROZEN, "start_from": str(start), "weights": {"file": "theirs", "holds": "backbone"}}
    config = parse(RunConfig, content(videos, learning_rate=1e-9) | given, "test")
    train_here(config, tmp_path / "run", start)
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert record["weights_from"] == "trained"
    assert record["origin"] == ORIGIN.to_json()
    assert record["started_from"]["absent_parts"] == ["all but the backbone"]
    trained, given_weights = load_file(tmp_path / "run" / "model.safetensors"), load_file(start)
    assert all(torch.allclose(trained[name], given_weights[name], atol=1e-5) for name in given_weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state, name: state | {"stem.fc": torch.zeros(1)}, "1 unknown, first stem.fc"),
        (lambda state, name: {key: value for key, value in state.items() if key != name}, "1 missing, first "),
        (lambda state, name: state | {name: torch.zeros(3)}, "1 of another shape, first "),
    ],
)
def test_a_backbone_that_does_not_fit(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def]
    built = model(seed=5)
    path = backbone_of(built, tmp_path)
    state = load_file(path)
    save_weights(change(state, next(name for name in state if name.endswith("convolution.weight"))), path)
    with pytest.raises(UserError, match=f"weights of another model: {message}"):
        load_backbone(built, built.backbone_parameters(), path)  # type: ignore[operator]
