"""The files that say what is run: tiers, data sets, methods and experiments, typed and checked when read.

Nothing here knows a method's options: they are plain mappings that the method reads itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, Field, NonNegativeInt

from vita.config_file import Frozen, parse, read_yaml
from vita.contract import UserError

Options = dict[str, Any]
Difference = dict[str, Any]  # keys of another section, laid over it
Section = TypeVar("Section", bound=BaseModel)


class PseudoVideoStandIn(Frozen):
    """Images that are mixed into the training clips of a data set, each as a clip of its own."""

    use: str  # a file of datasets/
    ratio: float = Field(gt=0)  # clips of pseudo-videos for one clip of a video
    augmentation: Difference = Field({})  # complete: nothing lies below it


class StandIn(Frozen):
    """What a tier runs in the place of one of the paper's data sets."""

    use: str  # a file of datasets/
    train: Difference = Field({})
    predict: Difference = Field({})
    pseudo_videos: PseudoVideoStandIn | None = None  # for the training variants that ask for them


class TierMethod(Frozen):
    """Which preset of a method a tier runs."""

    preset: str
    variants: dict[str, Options] = Field({})  # options that this tier changes in a training variant
    inference: dict[str, Options] = Field({})  # and in an inference variant
    schedules: dict[str, Difference] = Field({})  # laid over the tier's schedules of the same name


class TierConfig(Frozen):
    """How large everything is. `datasets` and `backbones` map the paper's names to what stands in for them."""

    tier: str = Field(pattern=r"^[a-z0-9_]+$")
    seeds: tuple[NonNegativeInt, ...] = Field(min_length=1)
    gpus: NonNegativeInt = 0  # per training and per prediction
    experiments: tuple[str, ...]
    datasets: dict[str, StandIn]
    backbones: dict[str, str]
    methods: dict[str, TierMethod]
    schedules: dict[str, Difference]  # complete TrainConfigs, save for what a stand-in's `train` adds
    predict: Difference = Field({})


class VariantConfig(Frozen):
    """A training variant: a difference of at most five options under a name."""

    options: Options = Field({}, max_length=5)
    starts_from: str | None = None  # another variant, whose final weights are the first weights here
    dataset: str | None = None  # the paper's name; None: the one that the experiment asks
    schedule: str = "clips"
    seed: NonNegativeInt | None = None  # one run, shared by all seeds of what starts from it
    pseudo_videos: bool = False  # mix in those that the tier names for the data set, if it names any


class MethodConfig(Frozen):
    """A method's named options: preset, then backbone, then training variant, each laid over the one before."""

    presets: dict[str, Options]
    backbones: dict[str, Options]
    variants: dict[str, VariantConfig]
    inference: dict[str, Options]


class Row(Frozen):
    """One row of a table: its key, and what differs from the experiment's selection."""

    key: str | int | float
    inference: str
    method: str | None = None
    dataset: str | None = None
    backbone: str | None = None
    variant: str | None = None


class Selection(Frozen):
    """The weights that a table is about, by the paper's names."""

    method: str
    dataset: str
    backbone: str
    variant: str = "base"


class ExperimentConfig(Frozen):
    """One table of the paper, or one of ours."""

    title: str
    key: str  # name of the first column
    select: Selection
    rows: tuple[Row, ...] = Field(min_length=1)
    published: str | None = None  # a file of the paper's numbers, whose first column is `key`


class ResolvedRow(Frozen):
    """A row with every name resolved in one tier."""

    key: str | int | float
    dataset: str
    method: str
    backbone: str
    variant: str
    inference: str
    as_paper: bool  # the paper's model on the paper's data; what scored it, the run says
    valid_videos: int | None = None  # published number of the release's validation videos


class TableSpec(Frozen):
    """What `vita table build` reads: one experiment resolved in one tier."""

    name: str
    title: str
    tier: str
    key: str
    rows: tuple[ResolvedRow, ...]
    published: str | None = None


def load_file(section: type[Section], path: Path) -> Section:
    """Read and check a YAML file. A bad key inside a mapping or list of sections is named with its place there."""
    raw = read_yaml(path)
    if isinstance(raw, dict):
        raw = {key: _parse_parts(section, str(key), value, path) for key, value in raw.items()}
    return parse(section, raw, str(path))


def _parse_parts(section: type[BaseModel], key: str, value: Any, path: Path) -> Any:
    part = _part_of(section, key)
    if part is None or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        return {name: parse(part, item, f"{path}: {key}.{name}") for name, item in value.items()}
    return [parse(part, item, f"{path}: {key}[{number}]") for number, item in enumerate(value)]


def _part_of(section: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The class of the values in a field that is a mapping or a list of sections."""
    annotation = section.model_fields[key].annotation if key in section.model_fields else None
    if get_origin(annotation) not in (dict, tuple):
        return None
    return next((part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def overlay(base: Options, difference: Options) -> Options:
    """`base` with `difference` laid over it, mapping by mapping. Neither is changed."""
    merged = dict(base)
    for key, value in difference.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlay(merged[key], value) if both else value
    return merged


def pick(choices: dict[str, Any], name: str, where: str) -> Any:
    """`choices[name]`. Raises UserError naming what is allowed."""
    if name not in choices:
        raise UserError(f"{where}: '{name}' is not known; allowed: {', '.join(sorted(choices)) or 'nothing'}")
    return choices[name]
