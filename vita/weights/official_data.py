"""The official data sets by their registered names: classes, files, and which of them a configuration trains on.

File names are those of the published downloads, below one folder a data set, which an environment variable names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vita.contract import UserError
from vita.weights.official_keys import Fate

SPLITS = {"train": "train", "val": "valid", "test": "test"}  # in registered names -> in file names
NAME = re.compile(r"(ytvis_2019|ytvis_2021|ovis|coco_2017)_(train|val|test)")
CLASSES = ("MODEL.IFC.NUM_CLASSES", "MODEL.SEM_SEG_HEAD.NUM_CLASSES")  # the first that there is


@dataclass(frozen=True)
class DataFacts:
    """name: ours; {split} in the paths stands for the file name of a split, {name} for its registered name."""

    name: str
    classes: int
    annotations: str
    frames: str


FACTS = {
    "ytvis_2019": DataFacts("ytvis_2019", 40, "{split}.json", "{split}/JPEGImages"),
    "ytvis_2021": DataFacts("ytvis_2021", 40, "{split}.json", "{split}/JPEGImages"),
    "ovis": DataFacts("ovis", 25, "annotations_{split}.json", "{split}"),
    "coco_2017": DataFacts("coco", 80, "annotations/instances_{name}2017.json", "{name}2017"),
}


def read_data(config: Mapping[str, Any], notes: dict[str, Fate], where: str) -> tuple[dict[str, Any], bool]:
    """A DatasetConfig's keys, and whether it is of single images; `notes` gains what is lost.

    The official code calls the last training set its target and predicts the first test set. Raises UserError on a
    data set that is not one of the official ones, and on classes that are not those of the data set.
    """
    others, train = _last(config["DATASETS.TRAIN"], "DATASETS.TRAIN", where)
    test = tuple(config["DATASETS.TEST"])[:1]
    family, split = _parse(train, "DATASETS.TRAIN", where)
    tested, valid = _parse(test[0], "DATASETS.TEST", where) if test else (family, "val")
    if tested != family:
        raise UserError(f"{where}: trained on '{train}' but tested on '{test[0]}'; name one data set in both")
    facts = FACTS[family]
    classes = next(key for key in CLASSES if key in config)
    if config[classes] != facts.classes:
        raise UserError(f"{where}: key '{classes}' is {config[classes]}, but {family} has {facts.classes} classes")
    if others:
        notes.update(_without_pseudo_videos(config, others))
    splits = {"train": facts_of(facts, split), "valid": facts_of(facts, valid)}
    return {"name": facts.name, "root": f"${{{facts.name.upper()}_ROOT}}", **splits}, family == "coco_2017"


def facts_of(facts: DataFacts, split: str) -> dict[str, str]:
    """A SplitConfig's keys."""
    words = {"name": split, "split": SPLITS[split]}
    return {"annotations": facts.annotations.format(**words), "frames": facts.frames.format(**words)}


def _last(names: Any, key: str, where: str) -> tuple[list[str], str]:
    if not names:
        raise UserError(f"{where}: key '{key}' names no data set")
    *others, last = names
    return others, last


def _parse(name: Any, key: str, where: str) -> tuple[str, str]:
    match = NAME.fullmatch(str(name))
    if match is None:
        known = ", ".join(f"{family}_train" for family in FACTS)
        raise UserError(f"{where}: key '{key}': data set '{name}' is not known; known are {known}, their val and test")
    return match[1], match[2]


def _without_pseudo_videos(config: Mapping[str, Any], others: list[str]) -> dict[str, Fate]:
    lost = Fate("not supported", "of pseudo-videos from images, which are not there yet")
    notes = {key: lost for key in config if key.startswith("INPUT.PSEUDO.")}
    notes["DATASETS.TRAIN"] = Fate("not supported", f"only the last set: {', '.join(others)} cannot be mixed in yet")
    return notes
