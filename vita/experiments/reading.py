"""Reading the files that say what is run; a bad key is named with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel

from vita.core.config_base import parse, read_yaml
from vita.core.contract import UserError
from vita.core.files import is_there
from vita.core.names import RULE, is_name
from vita.core.settings import overlay
from vita.experiments.config import Adjustment, Options, TierConfig

REHEARSAL_VIDEOS = 3  # of each data set, to learn from and to predict

Section = TypeVar("Section", bound=BaseModel)


def load_file(section: type[Section], path: Path) -> Section:
    """Read and check a YAML file. A bad key inside a mapping or list of sections is named with its place there."""
    return _parse_whole(section, read_yaml(path), str(path))


def _parse_whole(section: type[Section], raw: Any, where: str) -> Section:
    if isinstance(raw, dict):
        raw = {key: _parse_parts(section, str(key), value, where) for key, value in raw.items()}
    return parse(section, raw, where)


def load_tier(path: Path, library: Path, settings: Options | None = None) -> TierConfig:
    """As `load_file`, with the tiers that it extends below it, and above it what a command line sets."""
    files = tier_files(path, library)
    for file, raw in files.items():
        if not isinstance(raw, dict):
            return load_file(TierConfig, file)  # which says what is wrong
    layers = [*reversed(files.values()), *([settings] if settings else [])]
    return _parse_whole(TierConfig, overlay({}, *layers), "--set" if settings else str(path))


def tier_files(path: Path, library: Path) -> dict[Path, Any]:
    """What a tier's file holds, and those of the tiers that it extends, one after the other.

    Raises UserError when they extend each other.
    """
    found: dict[Path, Any] = {}
    next_file: Path | None = path
    while next_file is not None:
        if next_file in found:
            raise UserError(f"{next_file}: extends: goes round in a circle")
        found[next_file] = raw = read_yaml(next_file)
        below = raw.get("extends") if isinstance(raw, dict) else None
        where, beside = f"{next_file}: extends", next_file.parent
        next_file = None if below is None else find_tier(str(below), library, where, beside)
    return found


def rehearsed(tier: TierConfig, steps: int) -> TierConfig:
    """The tier at full size for a few steps: what it needs is seen before days are spent on it.

    One seed, so many steps for every training, and a few videos; its runs lie in folders of their own.

    Batches, sizes, models and precision are the tier's.
    """
    short = {"iterations": steps, "decay_at": [], "checkpoint_every": steps, "validate_every": None, "validate_at": []}
    datasets = {
        name: substitute.model_copy(update={"limit_videos": REHEARSAL_VIDEOS})
        for name, substitute in tier.datasets.items()
    }
    return tier.model_copy(
        update={
            "tier": f"{tier.tier}_rehearsal",
            "seeds": tier.seeds[:1],
            "fewer_seeds": {},
            "anchor": None,
            "datasets": datasets,
            "adjustments": (*tier.adjustments, Adjustment(train=short)),
        }
    )


def find_tier(name: str, library: Path, where: str, beside: Path | None = None) -> Path:
    """The file of a tier: a path, from the folder `beside` on where that is given, or a name there or in the library.

    Raises UserError, saying `where` the name was read.
    """
    is_path = name.endswith((".yaml", ".yml"))
    if not is_path and not is_name(name):
        raise UserError(f"{where}: no tier {name!r}; {RULE}, and a path ends with .yaml")
    places = (
        [(beside or Path()) / name] if is_path else [folder / f"{name}.yaml" for folder in (beside, library) if folder]
    )
    found = next((place for place in places if is_there(place)), None)
    if found is None:
        known = ", ".join(sorted(file.stem for file in library.glob("*.yaml"))) or "none; is --library right?"
        raise UserError(f"{where}: no tier '{name}'; known: {known}, or the path of a YAML file")
    return found


def _parse_parts(section: type[BaseModel], key: str, value: Any, where: str) -> Any:
    part = _part_of(section, key)
    if part is None or not isinstance(value, dict | list):
        return value
    if isinstance(value, dict):
        return {name: parse(part, item, f"{where}: {key}.{name}") for name, item in value.items()}
    return [parse(part, item, f"{where}: {key}[{number}]") for number, item in enumerate(value)]


def _part_of(section: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The class of the values in a field that is a mapping or a list of sections."""
    annotation = section.model_fields[key].annotation if key in section.model_fields else None
    if get_origin(annotation) not in (dict, tuple):
        return None
    return next((part for part in get_args(annotation) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def pick(choices: dict[str, Any], name: str, where: str) -> Any:
    """`choices[name]`. Raises UserError naming what is allowed."""
    if name not in choices:
        raise UserError(f"{where}: '{name}' is not known; allowed: {', '.join(sorted(choices)) or 'nothing'}")
    return choices[name]
