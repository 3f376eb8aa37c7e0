"""Data-set YAML files over embedded videos, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PLACES = {s: {"annotations": f"{s}/instances.json", "frames": f"{s}/JPEGImages"} for s in ("train", "valid")}


def write_yaml(folder: Path, root: Path, name: str = "mine", **keys: Any) -> Path:
    """A data set whose files lie in `root`; keys of the YAML that it has beyond them."""
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({"name": name, "root": str(root), **PLACES, **keys}))
    return path
