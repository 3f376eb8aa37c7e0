"""`vita convert run`: somebody else's file in the place of a training, with its origin; what is wrong is one line."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from official_layouts import to_official
from safetensors.torch import load_file
from tiny_run import OPTIONS, content, vita, write_configuration

from vita.core.plugins import find_method
from vita.core.records import TrainingRecord, read_record
from vita.official.plugins import find_official

FROZEN = {**OPTIONS, "detector": {**OPTIONS["detector"], "norm": "frozen"}}


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """An official checkpoint of a small VITA for 3 classes."""
    torch.manual_seed(3)
    model = find_method("vita").build(FROZEN, 3)
    path = tmp_path / "theirs.pth"
    torch.save({"model": to_official(model, find_official("vita"))}, path)
    return path


def configured(folder: Path, **weights: Any) -> Path:
    """A run's configuration whose weights come from a file."""
    run = content(folder / "data") | {"options": FROZEN, "weights": weights}
    return write_configuration(folder / "run", run)


def test_the_weights_and_their_record(theirs: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(theirs.read_bytes()).hexdigest()
    config = configured(tmp_path, file=str(theirs), holds="video", sha256=digest)
    ended = vita("convert", "run", "--config", config)
    assert ended.code == 0, ended.errors
    assert digest in ended.out
    weights = config.with_name("model.safetensors")
    torch.manual_seed(3)
    expected = find_method("vita").build(FROZEN, 3).state_dict()
    found = load_file(weights)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)
    record = read_record(TrainingRecord, config.with_name("record.json"))
    assert (record.weights_from, record.status, record.iterations) == ("file", "finished", 0)
    assert record.weights_sha256 == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert record.origin is not None
    assert (record.origin.file, record.origin.sha256, record.origin.holds) == (str(theirs), digest, "video")
    assert record.origin.fresh == []
    assert len(record.origin.converter_digest) == 12


def test_a_variable_in_the_path(theirs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = configured(tmp_path, file="${THEIRS}/theirs.pth", holds="video")
    monkeypatch.delenv("THEIRS", raising=False)
    ended = vita("convert", "run", "--config", config)
    assert ended.code == 2
    assert "weights ${THEIRS}/theirs.pth: that environment variable is not set" in ended.errors
    monkeypatch.setenv("THEIRS", "")
    assert (
        "weights ${THEIRS}/theirs.pth: that environment variable is empty"
        in vita("convert", "run", "--config", config).errors
    )
    monkeypatch.setenv("THEIRS", str(tmp_path))
    assert vita("convert", "run", "--config", config).code == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "nowhere.pth"}, "weights nowhere.pth: no such file"),
        ({"sha256": "0" * 64}, f"but {'0' * 64} was asked for; it is another file, or a damaged copy"),
        ({"sha256": "0" * 63}, "key 'weights.sha256'"),
        ({"holds": "everything"}, "key 'weights.holds'"),
        ({"holds": "backbone"}, "theirs.pth: "),
        ({"colour": 1}, "unknown key 'weights.colour'; allowed here: file, holds, pick, sha256"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    theirs: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    config = configured(tmp_path, **{"file": str(theirs), "holds": "video"} | change)
    ended = vita("convert", "run", "--config", config)
    assert ended.code == 2
    assert message in ended.errors
    assert len(ended.errors.splitlines()) == 1
    assert [path.name for path in config.parent.iterdir()] == ["config.yaml"]


def test_trained_and_converted_runs_are_not_mixed_up(theirs: Path, tmp_path: Path) -> None:
    config = configured(tmp_path, file=str(theirs), holds="video")
    ended = vita("train", "--config", config)
    assert (ended.code, "`vita convert run` writes them" in ended.errors) == (2, True)
    plain = write_configuration(tmp_path / "plain", content(tmp_path / "data"))
    ended = vita("convert", "run", "--config", plain)
    assert (ended.code, "weights are trained, not converted" in ended.errors) == (2, True)


def test_a_configuration_without_weights_of_others_is_the_same_bytes_as_before(tmp_path: Path) -> None:
    plain = write_configuration(tmp_path, content(tmp_path))
    from vita.core.config_base import dump, load
    from vita.core.run_config import RunConfig

    assert "weights" not in dump(load(RunConfig, plain))
    assert "weights" not in json.loads(load(RunConfig, plain).model_dump_json())
