"""The official data sets by their registered names -> ours, and which of them a configuration trains on.

What is known of a data set stands in one place, the library's file of its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vita.core.config_base import load
from vita.core.contract import UserError
from vita.core.dataset_config import DatasetConfig
from vita.official.configs.augmentation import pseudo_augmentation
from vita.official.configs.keys import KeyStatus

NAMES = {"ytvis_2019": "ytvis_2019", "ytvis_2021": "ytvis_2021", "ovis": "ovis", "coco_2017": "coco"}  # theirs -> ours
IMAGES = {"coco2ytvis2019_train": "ytvis_2019", "coco2ytvis2021_train": "ytvis_2021", "coco2ovis_train": "ovis"}
CLASSES = ("MODEL.IFC.NUM_CLASSES", "MODEL.SEM_SEG_HEAD.NUM_CLASSES")  # the first that there is
RATIO = "DATASETS.DATASET_RATIO"


@dataclass(frozen=True)
class OfficialData:
    """What a run learns from; pseudo_videos: a PseudoVideoConfig's keys."""

    dataset: DatasetConfig
    pseudo_videos: dict[str, Any] | None

    @property
    def of_images(self) -> bool:
        """Whether a clip is a single image."""
        return self.dataset.format == "coco"


def read_data(config: Mapping[str, Any], notes: dict[str, KeyStatus], library: Path, where: str) -> OfficialData:
    """`library` holds one YAML file a data set; `notes` gains what is lost.

    The official code calls the last training set its target and predicts the first test set. Raises UserError on a
    data set that is not one of the official ones, and on classes that are not those of the data set.
    """
    others, train = _last(config["DATASETS.TRAIN"], where)
    test = tuple(config["DATASETS.TEST"])[:1]
    family = _family(train, "DATASETS.TRAIN", "train", where)
    if test and _family(test[0], "DATASETS.TEST", "val", where) != family:
        raise UserError(f"{where}: trained on '{train}' but tested on '{test[0]}'; name one data set in both")
    dataset = _load(library, NAMES[family])
    classes = next(key for key in CLASSES if key in config)
    if config[classes] != len(dataset.categories or {}):
        count = len(dataset.categories or {})
        raise UserError(f"{where}: key '{classes}' is {config[classes]}, but {family} has {count} classes")
    return OfficialData(dataset, _pseudo_videos(config, notes, others, family, library, where))


def _load(library: Path, name: str) -> DatasetConfig:
    """As released: trained on all of `train`, also where our own tables keep a part of it back."""
    path = library / f"{name}.yaml"
    if not path.is_file():
        raise UserError(f"{path}: no such file; name the folder of data-set files with --datasets")
    return load(DatasetConfig, path).model_copy(update={"validate_on": "valid", "local_split": None})


def _last(names: Any, where: str) -> tuple[list[str], str]:
    if not names:
        raise UserError(f"{where}: key 'DATASETS.TRAIN' names no data set")
    *others, last = names
    return others, last


def _family(name: Any, key: str, split: str, where: str) -> str:
    match = re.fullmatch(rf"({'|'.join(NAMES)})_{split}", str(name))
    if match is None:
        known = ", ".join(f"{family}_{split}" for family in NAMES)
        raise UserError(f"{where}: key '{key}': data set '{name}' is not known; known are {known}")
    return match[1]


def _pseudo_videos(
    config: Mapping[str, Any], notes: dict[str, KeyStatus], others: list[str], family: str, library: Path, where: str
) -> dict[str, Any] | None:
    """The images that are mixed in; only VITA does that."""
    if not others:
        return None
    if len(others) > 1 or IMAGES.get(others[0]) != family or RATIO not in config:
        why = f"only {', '.join(n for n, f in IMAGES.items() if f == family) or 'nothing'} can be mixed in, by VITA"
        notes["DATASETS.TRAIN"] = KeyStatus("not supported", f"{why}; the run learns from the last set alone")
        return None
    shares = list(config[RATIO])
    if len(shares) != 2 or not all(isinstance(share, int | float) and share > 0 for share in shares):
        raise UserError(f"{where}: key '{RATIO}' is {shares}; it must hold two shares above 0, of images and of videos")
    notes[RATIO] = KeyStatus("taken", "")
    images = _load(library, "coco")
    return {"dataset": images, "ratio": shares[0] / shares[1], "augmentation": pseudo_augmentation(config, notes)}
