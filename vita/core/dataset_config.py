"""Typed configuration of data sets."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from vita.core.config_base import Frozen
from vita.core.names import Name


class ShapesConfig(Frozen):
    """The embedded, procedural data set: everything that its bytes depend on."""

    seed: NonNegativeInt = 0
    train_videos: PositiveInt
    valid_videos: PositiveInt
    train_frames: PositiveInt
    valid_frames: PositiveInt
    height: PositiveInt = 64
    width: PositiveInt = 96
    min_objects: PositiveInt = 2
    max_objects: PositiveInt = 5
    classes: PositiveInt = Field(3, le=5)
    difficulty: float = Field(0.5, ge=0.0, le=1.0)  # 0 = slow, well apart; 1 = crossings, swaps, gaps, close hues
    domain: Literal["studio", "outdoor"] = "studio"  # backgrounds and palette; classes and motion are the same
    jpeg_quality: int = Field(92, ge=30, le=100)

    @field_validator("max_objects")
    @classmethod
    def _not_below_min_objects(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("min_objects", 1):
            raise ValueError("must not be below min_objects")
        return value


VALID = "valid"  # all of the release's own validation videos
LOCAL_SPLIT = "local split of train"  # how the words for such a ground truth begin

VARIABLE = r"\$(?:\{(\w+)\}|(\w+))"


def _filled(path: str) -> str:
    return re.sub(VARIABLE, lambda found: os.environ.get(found[1] or found[2]) or found[0], path)


# `${VARIABLE}` is filled in; an unset or empty one stays as it is: only what needs this path may complain.
WithVariables = Annotated[str, AfterValidator(_filled)]


def unset_variables(path: str) -> list[str]:
    """Environment variables that a path still names. None where it is there: a folder's own name may have a `$`."""
    return [] if Path(path).exists() else [braced or bare for braced, bare in re.findall(VARIABLE, path)]


def why_unset(path: str) -> str:
    """What is wrong with the first variable that a path still names, in words; empty where it names none."""
    names = unset_variables(path)
    state = "empty" if names and names[0] in os.environ else "not set"
    return f"that environment variable is {state}" if names else ""


Places = str | Annotated[tuple[str, ...], Field(min_length=1)]


class SplitConfig(Frozen):
    """Where one split lies below the data set's root, and what it must hold.

    Of several places the first that exists is taken, because releases and official repositories name them differently.
    """

    annotations: Places
    frames: Places
    ground_truth: Places | None = None  # the labels, where `annotations` is published without them
    videos: PositiveInt | None = None  # published counts, of videos or images
    instances: PositiveInt | None = None


class LocalSplitConfig(Frozen):
    """Validation videos carved off `train`, for data whose labels of `valid` are not public."""

    file: str  # the list of ids, which `vita data split` writes
    valid_share: float = Field(0.15, gt=0, lt=1)  # of the training videos
    seed: NonNegativeInt = 0


class DatasetConfig(Frozen):
    """A data set: where its files lie, what they hold, and which videos score a model."""

    name: Name
    title: str | None = None
    root: WithVariables
    format: Literal["ytvis", "coco"] = "ytvis"  # coco: images, each read as a video of one frame
    train: SplitConfig
    valid: SplitConfig
    validate_on: Literal["valid", "local_split"] = "valid"
    local_split: LocalSplitConfig | None = None
    categories: dict[int, str] | None = None  # published names by id
    category_map: dict[Name, dict[str, str]] = Field({})  # another data set -> its category -> ours
    obtain: str | None = None  # where to get the data
    licence: str | None = None
    limit_videos: PositiveInt | None = None  # only the first n videos by id, for quick runs on real data
    long_videos: WithVariables | None = Field(None, exclude_if=lambda file: file is None)  # see `vita evaluate --long`
    shapes: ShapesConfig | None = None  # set for embedded data: it is written, not downloaded

    @model_validator(mode="after")
    def _local_split_is_given(self) -> DatasetConfig:
        if self.validate_on == "local_split" and self.local_split is None:
            raise ValueError("validate_on is local_split, but the section local_split is missing")
        return self

    @property
    def ground_truth(self) -> str:
        """In words, which labels score a model: for captions and tables."""
        whole = VALID
        if self.validate_on == "local_split" and self.local_split is not None:
            whole = f"{LOCAL_SPLIT} ({self.local_split.valid_share:.0%}, seed {self.local_split.seed})"
        return whole if self.limit_videos is None else f"{whole}, first {self.limit_videos} videos"

    def without_description(self) -> DatasetConfig:
        """What a run's configuration holds: a corrected word, say of the licence, must not train everything anew."""
        return self.model_copy(update={"title": None, "obtain": None, "licence": None, "long_videos": None})
