"""Typed, frozen configuration. An unknown key is an error that names it and the keys allowed there."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from vita.contract import UserError
from vita.files import read_text


class Frozen(BaseModel):
    """Base of every configuration section: immutable, no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


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


class SplitConfig(Frozen):
    """Where one split lies, relative to the data set's root."""

    annotations: str
    frames: str


class DatasetConfig(Frozen):
    """A data set in YouTube-VIS format."""

    name: str
    root: str
    train: SplitConfig
    valid: SplitConfig
    limit_videos: PositiveInt | None = None  # only the first n videos by id, for quick runs on real data
    shapes: ShapesConfig | None = None  # set for embedded data: it is written, not downloaded

    @field_validator("root")
    @classmethod
    def _fill_in_variables(cls, value: str) -> str:
        """An unset variable stays as it is: only what needs this data set may complain."""
        return os.path.expandvars(value)


class AugmentationConfig(Frozen):
    """Drawn once per clip (OFFICIAL: resize, crop, resize, flip). Empty lists leave a step out."""

    short_edges: tuple[PositiveInt, ...] = ()  # pixels; () keeps the stored size
    max_edge: PositiveInt = 1333
    flip_probability: float = Field(0.5, ge=0.0, le=1.0)


class TrainConfig(Frozen):
    """One training run: schedule, sampling, and everything that changes its last bits."""

    iterations: PositiveInt
    clips_per_batch: PositiveInt
    clip_frames: PositiveInt
    frame_range: PositiveInt  # the other frames lie within this distance of the reference frame
    learning_rate: float = Field(gt=0)
    backbone_multiplier: NonNegativeFloat = 0.1
    weight_decay: NonNegativeFloat = 0.05
    decay_everything: bool = False  # norms, embeddings and position tables too
    warmup_iterations: NonNegativeInt = 0
    decay_at: tuple[PositiveInt, ...] = ()
    decay_factor: float = Field(0.1, gt=0, le=1)
    gradient_clip_norm: float = Field(0.01, gt=0)
    precision: Literal["no", "bf16", "fp16"] = "no"
    threads: PositiveInt = 1
    workers: NonNegativeInt = 0
    checkpoint_every: PositiveInt = 200
    validate_every: PositiveInt | None = None
    validate_videos: PositiveInt = 8
    augmentation: AugmentationConfig = AugmentationConfig()


class RunConfig(Frozen):
    """One training run, complete: what `vita train` reads."""

    tier: str
    dataset: DatasetConfig
    method: str
    backbone: str
    variant: str
    seed: NonNegativeInt
    options: dict[str, Any]  # of the method; it reads them itself
    train: TrainConfig
    start_from: str | None = None  # weights of another run, or a safetensors file
    validation: dict[str, Any] = {}  # the method's inference options for validation during training


class PredictConfig(Frozen):
    """All inference variants asked of one run's weights: what `vita predict` reads beside the run's config."""

    variants: dict[str, dict[str, Any]] = Field(min_length=1)
    top_k: PositiveInt = 10
    short_edge: PositiveInt | None = None  # pixels; None keeps the stored size
    max_edge: PositiveInt = 1333
    threads: PositiveInt = 1


Section = TypeVar("Section", bound=BaseModel)


def parse(section: type[Section], raw: Any, where: str) -> Section:
    """`raw` as a `section`. Raises UserError with the first bad key, its place and the allowed keys."""
    if not isinstance(raw, dict):
        raise UserError(f"{where}: expected a mapping of keys, found {type(raw).__name__}")
    try:
        return section.model_validate(raw)
    except ValidationError as error:
        raise UserError(_explain(section, error, where)) from None


def _explain(section: type[BaseModel], error: ValidationError, where: str) -> str:
    first = error.errors()[0]
    place, keys = _locate(section, first["loc"])
    if first["type"] == "missing":
        return f"{where}: key '{place}' is missing"
    if first["type"] != "extra_forbidden":
        return f"{where}: key '{place}': {first['msg']} (found {first.get('input')!r})"
    return f"{where}: unknown key '{place}'; allowed here: {', '.join(sorted(keys)) or 'none'}"


def _locate(section: type[BaseModel], path: tuple[int | str, ...]) -> tuple[str, set[str]]:
    """A place as the user's file has it, and the keys that are allowed beside its last one.

    `path` is pydantic's: it also holds the tag that tells the members of a union apart, which no file has.
    """
    names: list[str] = []
    kinds, beside = [section], [section]
    for name in path:
        tagged = [kind for kind in kinds if name in _tags(kind)]
        if len(kinds) > 1 and tagged:
            kinds = tagged
        else:
            names.append(str(name))
            kinds, beside = [inner for kind in kinds for inner in _inside(kind, name)], kinds
    return ".".join(names), {key for kind in beside if _is_section(kind) for key in kind.model_fields}


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tags(kind: Any) -> set[Any]:
    annotations = [field.annotation for field in kind.model_fields.values()] if _is_section(kind) else []
    return {value for one in annotations if get_origin(one) is Literal for value in get_args(one)}


def _inside(kind: Any, name: int | str) -> list[Any]:
    """Types that may stand at a key of a section or mapping, or at a position of a list."""
    if _is_section(kind):
        field = kind.model_fields.get(str(name))
        return _alternatives(field.annotation) if field else []
    parts = get_args(kind)[1:] if get_origin(kind) is dict else get_args(kind)
    return [inner for part in parts for inner in _alternatives(part)]


def _alternatives(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    is_union = get_origin(annotation) in (Union, UnionType)
    return [one for part in get_args(annotation) for one in _alternatives(part)] if is_union else [annotation]


def read_yaml(path: Path) -> Any:
    """The content of a YAML file. Raises UserError when it is missing or not YAML."""
    try:
        return yaml.safe_load(read_text(path))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None


def load(section: type[Section], path: Path) -> Section:
    """Read and check a YAML file."""
    return parse(section, read_yaml(path), str(path))


def dump(section: BaseModel) -> str:
    """YAML text, keys in the order of the class: the same configuration is the same bytes."""
    return yaml.safe_dump(section.model_dump(mode="json"), sort_keys=False)


def digest(section: BaseModel) -> str:
    """Twelve hexadecimal digits that identify the configuration."""
    text = json.dumps(section.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
