"""Keys that a command line changes are checked as those of a file, and lie in a file in the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_run import configuration, vita, write_configuration

from vita.core.config_base import digest, load
from vita.core.contract import UserError
from vita.core.run_config import RunConfig
from vita.engine.changed_config import changed_run, write_beside


@pytest.fixture
def file(videos: Path, tmp_path: Path) -> Path:
    return write_configuration(tmp_path / "run", configuration(videos))


def test_changes_are_laid_over_the_file(file: Path, videos: Path) -> None:
    changes = ["train.learning_rate=5e-4", "train.decay_at=[3, 5]", "options.heads=4", "train.precision='no'", "seed=7"]
    expected = configuration(videos, learning_rate=5e-4, decay_at=[3, 5])
    expected = expected.model_copy(update={"seed": 7, "options": {**expected.options, "heads": 4}})
    changed = changed_run(file, changes)
    assert changed == expected
    assert digest(changed) != digest(changed_run(file, []))
    assert changed_run(file, ["seed=7", "seed=8"]).seed == 8  # the last holds
    assert changed_run(file, ["dataset.title=a = b"]).dataset.title == "a = b"


def test_a_section_that_the_file_leaves_out_is_made(file: Path) -> None:
    changed = changed_run(file, ["train.augmentation.crop.probability=0.25"])
    assert changed.train.augmentation.crop is not None
    assert changed.train.augmentation.crop.probability == 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("train.learning_rat=1", "unknown key 'train.learning_rat'; allowed here: .*learning_rate"),
        ("train.learning_rate=-1", r"key 'train.learning_rate': .*greater than 0 \(found -1\)"),
        ("train.iterations=4", "key 'train.decay_at': .*below iterations, which is 4"),
        ("trian.workers=1", "unknown key 'trian'; allowed here: .*train"),
        ("seed", "--set seed: write key=value, as train.learning_rate=0.0005"),
        ("=3", "--set =3: write key=value"),
        ("train.=3", "write key=value"),
        ("seed.deep=3", "key 'seed': Input should be a valid integer"),
        ("seed=[1", r"--set seed=\[1: the value is not valid YAML"),
    ],
)
def test_a_change_that_is_none_is_told(change: str, message: str, file: Path) -> None:
    with pytest.raises(UserError, match=message):
        changed_run(file, [change])


def test_a_folder_holds_one_run(file: Path, tmp_path: Path) -> None:
    first, second = changed_run(file, ["seed=1"]), changed_run(file, ["seed=2"])
    folder = write_beside(first, tmp_path / "out")
    assert load(RunConfig, folder / "config.yaml") == first
    assert write_beside(first, folder) == folder  # the same again goes on
    with pytest.raises(UserError, match=r"its config\.yaml is of another run"):
        write_beside(second, folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").touch()
    with pytest.raises(UserError, match=r"not empty, and without a config\.yaml"):
        write_beside(second, tmp_path / "full")


def test_a_changed_run_needs_a_folder(file: Path) -> None:
    message = vita("train", "--config", file, "--set", "seed=1").message
    assert message == "--set makes another run of it: give its folder with --out"
