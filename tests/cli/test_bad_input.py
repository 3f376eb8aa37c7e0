"""Mistakes of users, through the command line: one line says what, where and what is allowed; exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file, save_file
from tiny_run import PLAN, content, files_in, train_here, vita, write_configuration

from vita.core.config_base import parse
from vita.core.run_config import RunConfig

Content = dict[str, Any]


@pytest.fixture(scope="module")
def weights(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights after one step. Read only."""
    config = parse(RunConfig, content(videos, iterations=1, decay_at=[]), "test")
    return train_here(config, tmp_path_factory.mktemp("trained")) / "model.safetensors"


@pytest.fixture
def spoilt(videos: Path, tmp_path: Path) -> Path:
    """A copy of the videos, to spoil."""
    return Path(shutil.copytree(videos, tmp_path / "videos"))


def train_message(folder: Path, config: Content, *arguments: object) -> str:
    """The error of `vita train`, which leaves nothing but its lock, its record and what it told watchers."""
    message = vita("train", "--config", write_configuration(folder / "run", config), *arguments).message
    left = {name for name in files_in(folder / "run") if not name.startswith("events/")}
    assert left <= {"config.yaml", "work/lock", "work/record.json"}
    return message


def predict_message(folder: Path, config: Content, weights: Path, *arguments: object, plan: Any = PLAN) -> str:
    """The error of `vita predict`, which leaves nothing at all."""
    path = write_configuration(folder / "run", config)
    (folder / "run" / "inference.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    files = ["--plan", folder / "run" / "inference.yaml", "--weights", weights, "--out", folder / "run" / "predictions"]
    message = vita("predict", "--config", path, *files, *arguments).message
    assert files_in(folder / "run") == ["config.yaml", "inference.yaml"]
    return message


def changed(config: Content, *keys: str, to: Any) -> Content:
    """A copy with one key set."""
    first, *others = keys
    return {**config, first: changed(config[first], *others, to=to) if others else to}


CONFIGURATIONS: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "unknown key": (
        ("sed",),
        1,
        "unknown key 'sed'; allowed here: backbone, dataset, method, options, pseudo_videos, ",
    ),
    "unknown key of a section": (
        ("train", "learning_rat"),
        1,
        "unknown key 'train.learning_rat'; allowed here: activation_checkpointing, augmentation, backbone_multiplier, "
        "card, checkpoint_every, ",
    ),
    "unknown key further in": (
        ("train", "augmentation"),
        {"flip": 1},
        "unknown key 'train.augmentation.flip'; allowed here: crop, flip_probability, jitter, max_edge, ",
    ),
    "misspelt key that must be there": (
        ("dataset",),
        {"name": "shapes", "rot": "here", "train": {"annotations": "a", "frames": "f"}, "valid": {}},
        "unknown key 'dataset.rot'; allowed here: ",
    ),
    "decay after the end": (
        ("train", "decay_at"),
        [9999],
        "key 'train.decay_at': Value error, must be below iterations",
    ),
    "missing key": (("dataset",), {"name": "shapes"}, "key 'dataset.root' is missing"),
    "word for a number": (("seed",), "first", "key 'seed': Input should be a valid integer"),
    "value out of range": (("train", "iterations"), 0, "key 'train.iterations': Input should be greater than 0"),
    "value not offered": (("train", "precision"), "half", "Input should be 'no', 'bf16' or 'fp16' (found 'half')"),
    "unknown method": (("method",), "vitta", "unknown method 'vitta'; installed are: "),
    "unknown option": (
        ("options",),
        {"querys": 5},
        "options of method vita: unknown key 'querys'; allowed here: decoder_layers, detector, ",
    ),
    "unknown option of a backbone": (
        ("options", "detector", "backbone"),
        {"kind": "resnet", "depth": 50},
        "unknown key 'detector.backbone.depth'; allowed here: block, channels, depths, kind, stem_channels",
    ),
    "unknown backbone": (("options", "detector", "backbone"), {"kind": "vgg"}, "expected tags: 'resnet', 'swin'"),
    "impossible option": (("options", "fed_layers"), 7, "options.fed_layers is 7, but the frame decoder has only 1"),
}


@pytest.mark.parametrize("keys, value, expected", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_configurations(keys: tuple[str, ...], value: Any, expected: str, videos: Path, tmp_path: Path) -> None:
    assert expected in train_message(tmp_path, changed(content(videos), *keys, to=value))


def test_installed_methods_are_named(videos: Path, tmp_path: Path) -> None:
    installed = train_message(tmp_path, changed(content(videos), "method", to="vitta")).partition("installed are: ")[2]
    assert "vita" in installed.split(", ")


NO_CONFIGURATIONS = {
    "not YAML": ("train: [1, 2", "not valid YAML: "),
    "a list": ("- 1\n- 2\n", "expected a mapping of keys, found list"),
    "empty": ("", "expected a mapping of keys, found NoneType"),
    "not text": (b"\xff\xfe\x00", "not valid YAML: "),
}


@pytest.mark.parametrize("text, expected", NO_CONFIGURATIONS.values(), ids=NO_CONFIGURATIONS.keys())
def test_files_that_are_no_configuration(text: str | bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = vita("train", "--config", path).message
    assert message.startswith(f"{path}: {expected}")
    assert files_in(tmp_path) == ["config.yaml"]


def test_configuration_that_is_not_there(tmp_path: Path) -> None:
    assert vita("train", "--config", tmp_path / "none.yaml").message == f"{tmp_path}/none.yaml: no such file"
    assert vita("train", "--config", tmp_path).message == f"{tmp_path}: cannot be read: Is a directory"
    assert files_in(tmp_path) == []


def test_missing_data(tmp_path: Path) -> None:
    message = train_message(tmp_path, content(tmp_path / "nowhere"))
    assert message.startswith(f"data set 'shapes': no annotations found in {tmp_path}/nowhere; looked for ")
    assert "vita data synth" in message


@pytest.mark.parametrize("workers", [0, 1])
def test_frames(workers: int, spoilt: Path, tmp_path: Path) -> None:
    frames = sorted((spoilt / "train" / "JPEGImages").rglob("*.jpg"))
    for frame in frames:
        frame.write_bytes(frame.read_bytes()[:300])
    message = train_message(tmp_path, content(spoilt, workers=workers))
    assert message.startswith(str(spoilt / "train")) and ".jpg: damaged frame (" in message
    for frame in frames:
        frame.unlink()
    message = train_message(tmp_path, content(spoilt, workers=workers))
    assert message.startswith(str(spoilt / "train")) and ".jpg: no such frame; " in message


def test_frame_to_predict(spoilt: Path, weights: Path, tmp_path: Path) -> None:
    frame = spoilt / "valid" / "JPEGImages" / "video_00001" / "00004.jpg"  # of the last video, after the first is done
    whole = frame.read_bytes()
    frame.write_bytes(whole[: len(whole) // 2])
    assert predict_message(tmp_path, content(spoilt), weights).startswith(f"{frame}: damaged frame (")
    frame.unlink()
    assert predict_message(tmp_path, content(spoilt), weights).startswith(f"{frame}: no such frame; ")


def spoil_annotations(root: Path, change: Callable[[Content], Any], split: str = "train") -> Path:
    path = root / split / "instances.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def test_annotations_that_are_not_json(spoilt: Path, tmp_path: Path) -> None:
    path = spoilt / "train" / "instances.json"
    path.write_text(path.read_text()[:100])
    assert train_message(tmp_path, content(spoilt)).startswith(f"{path}: not valid JSON: ")
    path.write_text("[]")
    assert train_message(tmp_path, content(spoilt)).startswith(f"{path}: not a YouTube-VIS file: it needs the lists ")


def test_mask_of_another_size(spoilt: Path, tmp_path: Path) -> None:
    other = {"size": [16, 16], "counts": [256]}
    path = spoil_annotations(spoilt, lambda d: d["annotations"][0]["segmentations"].__setitem__(2, other))
    message = train_message(tmp_path, content(spoilt))
    place = f"{path}: annotation 1 of video 1 (video_00000), frame 2"
    assert message.startswith(f"{place}: mask of size [16, 16] in a video of size [32, 48]")


def test_no_annotations_to_learn_from(spoilt: Path, tmp_path: Path) -> None:
    spoil_annotations(spoilt, lambda d: d["annotations"].clear())
    assert "no training video has an object with a mask" in train_message(tmp_path, content(spoilt))


def test_no_videos_to_predict(spoilt: Path, weights: Path, tmp_path: Path) -> None:
    spoil_annotations(spoilt, lambda d: [d["annotations"].clear(), d["videos"].clear()], "valid")
    assert predict_message(tmp_path, content(spoilt), weights) == "no video to predict: the split is empty"


def test_weights_that_are_not_there(videos: Path, tmp_path: Path) -> None:
    missing, expected = tmp_path / "none.safetensors", f"{tmp_path}/none.safetensors: no such weights file"
    assert train_message(tmp_path / "a", content(videos), "--weights", missing) == expected
    assert train_message(tmp_path / "b", {**content(videos), "start_from": str(missing)}) == expected
    assert predict_message(tmp_path / "c", content(videos), missing) == expected


def test_weights_cut_short(videos: Path, weights: Path, tmp_path: Path) -> None:
    (short := tmp_path / "short.safetensors").write_bytes(weights.read_bytes()[:-1000])
    expected = f"{short}: not a readable safetensors file ("
    assert train_message(tmp_path / "a", content(videos), "--weights", short).startswith(expected)
    assert predict_message(tmp_path / "b", content(videos), short).startswith(expected)


def test_weights_of_another_model(videos: Path, weights: Path, tmp_path: Path) -> None:
    state = load_file(weights)
    other = tmp_path / "other.safetensors"
    save_file({f"model.{key}": value for key, value in state.items()}, other)
    expected = f"{other}: weights of another model: {len(state)} unknown, first model."
    assert train_message(tmp_path / "a", content(videos), "--weights", other).startswith(expected)
    assert predict_message(tmp_path / "b", content(videos), other).startswith(expected)
    deeper = changed(content(videos), "options", "encoder_layers", to=2)
    message = predict_message(tmp_path / "c", deeper, weights)
    assert message.startswith(f"{weights}: weights of another model: ") and " missing, first object_encoder." in message


def test_unknown_variant(videos: Path, weights: Path, tmp_path: Path) -> None:
    message = predict_message(tmp_path, content(videos), weights, "--inference", "intact", "--inference", "windwo3")
    assert message == "--inference windwo3: not in the plan; allowed are intact, half"


def test_bad_plans(videos: Path, weights: Path, tmp_path: Path) -> None:
    plan = {"variants": {"half": {"prune": 0.5}}}
    message = predict_message(tmp_path, content(videos), weights, plan=plan)
    assert "unknown key 'prune'; allowed here: control, prune_ratio, shift, window" in message
    message = predict_message(tmp_path, content(videos), weights, plan={"variants": {"none": {"prune_ratio": 0}}})
    assert "key 'prune_ratio': Input should be greater than 0" in message
    message = predict_message(tmp_path, content(videos), weights, plan={**PLAN, "top": 10})
    assert "unknown key 'top'; allowed here: card, keep_gib, max_edge, short_edge, threads, top_k, variants" in message


def test_bad_validation_options(videos: Path, tmp_path: Path) -> None:
    config = {**content(videos, validate_every=2), "validation": {"windwo": 3}}
    assert "unknown key 'windwo'" in train_message(tmp_path, config)


def test_embedded_data(tmp_path: Path) -> None:
    dataset = tmp_path / "dataset.yaml"
    written: Content = {**content(tmp_path / "root")["dataset"]}
    dataset.write_text(yaml.safe_dump(written))
    assert "no section 'shapes'" in vita("data", "synth", "--dataset", dataset).message
    sizes = {"train_videos": 1, "valid_videos": 1, "train_frames": 2, "valid_frames": 2}
    dataset.write_text(yaml.safe_dump({**written, "shapes": {**sizes, "clases": 2}}))
    assert "unknown key 'shapes.clases'; allowed here: classes, " in vita("data", "synth", "--dataset", dataset).message
    dataset.write_text(yaml.safe_dump({**written, "shapes": {**sizes, "max_objects": 1}}))
    assert "must not be below min_objects" in vita("data", "synth", "--dataset", dataset).message
    assert not (tmp_path / "root").exists()


def test_unknown_split_of_a_contact_sheet(videos: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset.yaml"
    dataset.write_text(yaml.safe_dump(content(videos)["dataset"]))
    arguments = ["--dataset", dataset, "--out", tmp_path / "sheet.png", "--split", "test"]
    assert vita("data", "sheet", *arguments).message == "--split is 'test'; allowed are train, valid, released_valid"
