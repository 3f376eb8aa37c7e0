"""`vita convert weights` from the command line."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from official_layouts import to_official
from safetensors.torch import load_file, save_file
from tiny_run import OPTIONS, content, files_in, vita, write_configuration
from torch import Tensor

from vita.model.method import definition
from vita.official.checkpoints.files import read_official, write_official
from vita.official.plugins import find_official

FROZEN = {**OPTIONS, "detector": {**OPTIONS["detector"], "norm": "frozen"}}
State = dict[str, Tensor]


@pytest.fixture(scope="module")
def ours() -> State:
    """A tiny VITA of three classes."""
    torch.manual_seed(0)
    state: State = definition.build(FROZEN, 3).state_dict()
    return state


@pytest.fixture(scope="module")
def theirs(ours: State) -> State:
    with torch.device("meta"):
        model = definition.build(FROZEN, 3)
    model.load_state_dict(ours, assign=True)
    return to_official(model, find_official("vita"))


@pytest.fixture
def checkpoint(theirs: State, tmp_path: Path) -> Path:
    write_official(theirs, tmp_path / "official.pth")
    return tmp_path / "official.pth"


def equal(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_there_and_back(checkpoint: Path, ours: State, theirs: State, tmp_path: Path) -> None:
    made, back = tmp_path / "ours.safetensors", tmp_path / "back.pth"
    there = vita("convert", "weights", checkpoint, "--method", "vita", "--out", made)
    assert there.code == 0 and equal(load_file(made), ours)
    again = vita("convert", "weights", made, "--method", "vita", "--to", "official", "--out", back)
    assert again.code == 0 and equal(read_official(back), theirs)
    assert back.read_bytes() == checkpoint.read_bytes()


def test_the_summary_counts(checkpoint: Path, ours: State, theirs: State, tmp_path: Path) -> None:
    made = tmp_path / "ours.safetensors"
    lines = vita("convert", "weights", checkpoint, "--method", "vita", "--out", made).out.splitlines()
    assert lines[0] == f"{checkpoint}: {len(theirs)} tensors -> {made}: {len(ours)} tensors"
    numbers = sum(tensor.numel() for tensor in ours.values())
    assert lines[1:4] == ["method: vita", "classes: 3", f"numbers in all tensors: {numbers:,}"]
    head, _, options = lines[4].partition(": ")
    assert head == "options from the shapes, all others as released"
    shown = yaml.safe_load(options)
    assert definition.build(shown, 3).state_dict().keys() == ours.keys()
    assert lines[5:] == [
        "left out: criterion.empty_weight, vita_criterion.empty_weight",
        "read as a finished video model: released checkpoint of vita, backbone ResNet of 1-1-1-1 basic blocks",
    ]


def test_options_of_a_file_or_of_a_run(checkpoint: Path, ours: State, tmp_path: Path) -> None:
    options = tmp_path / "options.yaml"
    options.write_text(yaml.safe_dump(FROZEN))
    run = write_configuration(tmp_path / "run", {**content(tmp_path), "options": FROZEN})
    for number, given in enumerate((["--method", "vita", "--options", options], ["--config", run])):
        made = tmp_path / f"{number}.safetensors"
        ended = vita("convert", "weights", checkpoint, *given, "--out", made)
        assert ended.code == 0 and equal(load_file(made), ours)
        assert "\noptions: {" in ended.out


def test_a_pickle_of_the_model_zoo(theirs: State, ours: State, tmp_path: Path) -> None:
    arrays = {key: tensor.numpy() for key, tensor in theirs.items()}
    (tmp_path / "zoo.pkl").write_bytes(pickle.dumps({"model": arrays, "__author__": "x", "matching_heuristics": True}))
    made = tmp_path / "ours.safetensors"
    assert vita("convert", "weights", tmp_path / "zoo.pkl", "--method", "vita", "--out", made).code == 0
    assert equal(load_file(made), ours)


def test_an_image_detector_with_new_heads_starts_a_run(theirs: State, tmp_path: Path) -> None:
    """Weights of 3 classes, data of 3 classes, but told of 4: training says which heads it starts anew."""
    images = {key: tensor for key, tensor in theirs.items() if "vita_" not in key}
    write_official(images, tmp_path / "images.pth")
    made = tmp_path / "detector.safetensors"
    given = ["--method", "vita", "--num-classes", 4, "--new-heads", "--out", made]
    ended = vita("convert", "weights", tmp_path / "images.pth", *given)
    assert ended.code == 0
    assert "started anew: detector.class_head.weight, detector.class_head.bias" in ended.out
    assert "parts that the file does not hold: class_head, frame_similarity, mask_embedding" in ended.out
    state = load_file(made)
    assert {name.partition(".")[0] for name in state} == {"detector"}
    assert state["detector.class_head.bias"].shape == (5,)


def test_the_seed_of_new_heads(checkpoint: Path, tmp_path: Path) -> None:
    made = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for path, seed in zip(made, (0, 1, 1), strict=True):
        given = ["--method", "vita", "--new-heads", "--seed", seed, "--out", path]
        assert vita("convert", "weights", checkpoint, *given).code == 0
    assert made[0].read_bytes() != made[1].read_bytes() == made[2].read_bytes()


# Wrong calls and files: one line, exit code 2, nothing written


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--method is missing"),
        (["--method", "nothing"], "unknown method 'nothing'"),
        (["--method", "vita", "--out", "ours.pth"], "--out is ours.pth; it must end with .safetensors"),
        (["--method", "vita", "--to", "official"], "it must end with .pth"),
        (["--method", "vita", "--to", "official", "--new-heads", "--out", "a.pth"], "--num-classes and --new-heads"),
        (["--method", "vita", "--options", "a.yaml", "--config", "b.yaml"], "--options and --config both"),
        (["--method", "vita", "--options", "none.yaml"], "none.yaml: no such file"),
        (["--method", "vita", "--options", "list.yaml"], "expected a mapping of options, found list"),
        (["--method", "mask2former_vis", "--config", "run.yaml"], "is of method vita"),
        (["--method", "mask2former_vis"], "unknown (vita_module."),
        (["--method", "vita", "--num-classes", "40"], "of 3 classes, not 40"),
    ],
)
def test_wrong_arguments(
    arguments: list[str], said: str, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.yaml").write_text("[1]")
    Path("run.yaml").write_text(yaml.safe_dump(content(tmp_path)))
    before = files_in(tmp_path)
    out = [] if "--out" in arguments else ["--out", "ours.safetensors"]
    assert said in vita("convert", "weights", checkpoint, *arguments, *out).message
    assert files_in(tmp_path) == before


def test_a_damaged_file(checkpoint: Path, tmp_path: Path) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    made = tmp_path / "ours.safetensors"
    ended = vita("convert", "weights", checkpoint, "--method", "vita", "--out", made)
    assert ended.message.startswith(f"{checkpoint}: not a readable checkpoint; it may be truncated")
    assert not made.exists()


def test_a_file_of_ours_that_lacks_a_tensor(ours: State, tmp_path: Path) -> None:
    source, out = tmp_path / "ours.safetensors", tmp_path / "out.pth"
    save_file({name: t.contiguous() for name, t in ours.items() if name != "object_decoder.norm.bias"}, source)
    ended = vita("convert", "weights", source, "--method", "vita", "--to", "official", "--out", out)
    assert ended.message == f"{source}: weights of another model: 1 missing (object_decoder.norm.bias)"


def test_a_full_disk_is_a_user_error(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: Any, **_keys: Any) -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError:
            raise RuntimeError("failed writing file") from None

    made = tmp_path / "ours.safetensors"
    assert vita("convert", "weights", checkpoint, "--method", "vita", "--out", made).code == 0
    monkeypatch.setattr(torch, "save", fail)
    ended = vita("convert", "weights", made, "--method", "vita", "--to", "official", "--out", tmp_path / "o.pth")
    assert "No space left on device" in ended.message
    assert files_in(tmp_path) == ["official.pth", "ours.safetensors"]
