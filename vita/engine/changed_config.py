"""A run's configuration with keys that a command line changes, in a folder of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vita.core.config_base import dump, load, parse, read_yaml
from vita.core.contract import UserError
from vita.core.files import read_text, write_text
from vita.core.run_config import RunConfig
from vita.core.settings import OPTION, overlay, read_settings


def changed_run(path: Path, changes: Sequence[str]) -> RunConfig:
    """The configuration in a file, with each key=value of `changes` laid over it, in their order.

    A key leads through sections, with dots; a value is YAML. Raises UserError as reading does.
    """
    settings = read_settings(changes, "train.learning_rate=0.0005")
    content = read_yaml(path)
    if not settings or not isinstance(content, dict):
        return load(RunConfig, path)
    return parse(RunConfig, overlay(content, settings), f"{path} with {OPTION} {' '.join(changes)}")


def write_beside(config: RunConfig, folder: Path) -> Path:
    """Write `folder`/config.yaml, for a training there; the folder. Raises UserError where another run lies there."""
    path, text = folder / "config.yaml", dump(config)
    if not path.exists():
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"--out {folder}: not empty, and without a config.yaml; give a folder for this run alone")
        write_text(path, text)
    elif read_text(path) != text:
        raise UserError(f"--out {folder}: its config.yaml is of another run; give a folder for this run alone")
    return folder
