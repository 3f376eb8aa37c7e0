"""Configuration sections and their files. An unknown key is an error that names it and the keys allowed there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from vita.core.bounded_yaml import load_yaml
from vita.core.contract import UserError
from vita.core.files import read_text


class Frozen(BaseModel):
    """Base of every configuration section: immutable, no unknown keys, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


Section = TypeVar("Section", bound=BaseModel)
BAD_KEY = "[key]"  # pydantic's last step to a key of a mapping, after the key


def parse(section: type[Section], raw: Any, where: str) -> Section:
    """`raw` as a `section`. Raises UserError with the first bad key, its place and the allowed keys."""
    if not isinstance(raw, dict):
        raise UserError(f"{where}: expected a mapping of keys, found {type(raw).__name__}")
    try:
        return section.model_validate(raw)
    except ValidationError as error:
        raise UserError(_explain(section, error, where)) from None


def _explain(section: type[BaseModel], error: ValidationError, where: str) -> str:
    # A misspelt key is also a missing one: the one that is there tells more.
    first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    place, keys = _locate(section, first["loc"])
    if first["type"] == "missing":
        return f"{where}: key '{place}' is missing"
    if first["type"] != "extra_forbidden":
        return f"{where}: key '{place}': {first['msg']} (found {first.get('input')!r})"
    return f"{where}: unknown key '{place}'; allowed here: {', '.join(sorted(keys)) or 'none'}"


def _locate(section: type[BaseModel], path: tuple[int | str, ...]) -> tuple[str, set[str]]:
    """A place as the user's file has it, and the keys that are allowed beside its last one.

    `path` is pydantic's: it also holds the tag that tells the members of a union apart, which no file has. Of a key of
    a mapping that cannot be one, it is the mapping's place.
    """
    if path[-1:] == (BAD_KEY,):
        path = path[:-2]
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
    """The content of a YAML file. Raises UserError when it is missing, not YAML, or not a tree of a sensible size."""
    try:
        return load_yaml(read_text(path))
    except UserError:
        raise
    except ValueError as error:  # also bytes that are not text, and dates that are none
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
