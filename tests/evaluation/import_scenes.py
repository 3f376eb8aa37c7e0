"""A data set of three small videos on disk, and what other code bases make of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from evaluation_scenes import annotation, codes, prediction
from tiny_run import Ended, vita

LENGTHS = {1: 2, 2: 3, 3: 2}
NAMES = {1: "giant_panda", 2: "Sedan", 3: "person"}
MASK = np.zeros((4, 6), np.uint8)
MASK[1:3, 2:5] = 1


def write_dataset(folder: Path, **changes: Any) -> Path:
    """Its YAML, `dataset.yaml`; the frames are an empty folder, since nothing looks at them."""
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    videos = [{"id": key, "height": 4, "width": 6, "length": length} for key, length in LENGTHS.items()]
    objects = [
        annotation(key, codes([MASK] * length), video_id=key, category_id=key) for key, length in LENGTHS.items()
    ]
    categories = [{"id": key, "name": name} for key, name in NAMES.items()]
    content = {"videos": videos, "categories": categories, "annotations": objects}
    (folder / "instances.json").write_text(json.dumps(content))
    split = {"annotations": "instances.json", "frames": "frames"}
    about = {"name": "own", "root": str(folder), "train": split, "valid": split} | changes
    (folder / "dataset.yaml").write_text(json.dumps(about))  # which is YAML too
    return folder / "dataset.yaml"


def results(**changes: Any) -> list[dict[str, Any]]:
    """One right track a video."""
    return [
        prediction(codes([MASK] * length), score=0.9, video_id=key, category_id=key) | changes
        for key, length in LENGTHS.items()
    ]


class Imports:
    """A folder with the data set, from which `vita import` is called."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.dataset = folder, write_dataset(folder / "data")

    @property
    def place(self) -> Path:
        return self.folder / "external" / "own" / "theirs"

    def write(self, entries: Any, name: str = "results.json") -> Path:
        path = self.folder / name
        path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
        return path

    def call(self, *files: Path, **options: Any) -> Ended:
        """options: without their dashes; True for a flag."""
        given = {"dataset": self.dataset, "name": "theirs", "title": "Theirs", "backbone": "ResNet-50"} | options
        words = [
            word
            for key, value in ({"root": self.folder / "external"} | given).items()
            for one in (value if isinstance(value, list) else [value])
            for word in ([f"--{key.replace('_', '-')}"] + ([] if one is True else [str(one)]))
        ]
        return vita("import", *map(str, files), *words)

    def take(self, entries: Any, **options: Any) -> Ended:
        return self.call(self.write(entries), **options)

    def refused(self, entries: Any, **options: Any) -> str:
        """The one line that it ends with; nothing is left behind."""
        message = self.take(entries, **options).message
        assert not list((self.folder / "external").rglob("*"))[1:]  # but the data set's empty folder
        return message

    def record(self) -> dict[str, Any]:
        return json.loads((self.place / "import.json").read_text())

    def stored(self, seed: int = 0) -> list[dict[str, Any]]:
        return json.loads((self.place / "predictions" / f"seed{seed}.json").read_text())
