"""Reader of the official code's YAML files: inheritance, values, flat keys, and which of them somebody asked for.

Values are read as detectron2 reads them: text that is a Python literal, such as "(4000,)" or "1e-4", is that literal.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from vita.core.config_base import read_yaml
from vita.core.contract import UserError

Tree = dict[str, Any]  # sections within sections

BASE = "_BASE_"
PAIRS = ("INPUT.CROP.SIZE", "INPUT.PSEUDO.CROP.SIZE")
LONGEST_CHAIN = 50  # files that inherit from each other
ARCHITECTURE = "MODEL.META_ARCHITECTURE"


class OfficialConfig(Mapping[str, Any]):
    """Flat keys ("SOLVER.MAX_ITER") with what the files name laid over what the code assumes.

    named: keys that a file names; foreign: those of them that no method of these reads; taken: keys looked up so far.
    """

    def __init__(self, architecture: str, named: Mapping[str, Any], where: str) -> None:
        """Raises UserError on a key that the official code does not know and on a value of another type."""
        self.architecture = architecture
        defaults, assumed = official_defaults(), dict[str, Any]()
        foreign = tuple(defaults["foreign"])
        for part in defaults["architectures"][architecture]:
            assumed |= flatten(_literals(defaults["sections"][part]))
        self.named = frozenset(named)
        self.foreign = frozenset(key for key in named if key not in assumed and key.startswith(foreign))
        for key in self.named - self.foreign:
            _check(key, named[key], assumed, where)
        self.taken: set[str] = set()
        self._values = {**assumed, **named}

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        self.taken.add(key)
        return value

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def peek(self, key: str) -> Any:
        """A value, without counting it as taken."""
        return self._values[key]


@cache
def official_defaults() -> Tree:
    """What the official code assumes where no file names a key: see `defaults.yaml`."""
    defaults: Tree = read_yaml(Path(__file__).with_name("defaults.yaml"))
    return defaults


def read_official_config(path: Path) -> OfficialConfig:
    """A YAML file with all that it inherits.

    Raises UserError naming the file, and the key where there is one, for what cannot be read, inherits from itself, is
    of an unknown architecture, or holds an unknown key.
    """
    named = flatten(_read_with_bases(path, ()))
    architecture = named.get(ARCHITECTURE)
    if ARCHITECTURE not in named:
        raise UserError(
            f"{path}: no key '{ARCHITECTURE}'; give the file of a model, which inherits from files like this"
        )
    known: list[str] = list(official_defaults()["architectures"])
    if architecture not in known:
        raise UserError(f"{path}: key '{ARCHITECTURE}' is {architecture!r}; allowed: {', '.join(known)}")
    return OfficialConfig(architecture, named, str(path))


def _read_with_bases(path: Path, heirs: tuple[Path, ...]) -> Tree:
    place = path.resolve()
    if place in heirs:
        chain = " -> ".join(one.name for one in (*heirs[heirs.index(place) :], place))
        raise UserError(f"{path}: inherits from itself: {chain}; remove one {BASE}")
    content = read_yaml(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: expected a mapping of keys, found {type(content).__name__}")
    base = content.pop(BASE, None)
    if base is None:
        return _literals(content)
    if not isinstance(base, str):
        raise UserError(f"{path}: key '{BASE}' is {base!r}; it must be the path of one YAML file")
    if len(heirs) >= LONGEST_CHAIN:
        raise UserError(f"{path}: more than {LONGEST_CHAIN} files inherit from each other by {BASE}")
    try:
        inherited = path.parent / Path(base).expanduser()
        inherited.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # no such user; characters that no file name may hold
        raise UserError(f"{path}: key '{BASE}' is {base!r}, which is no path: {error}") from None
    return _merged(_read_with_bases(inherited, (*heirs, place)), _literals(content))


def _literals(tree: Tree) -> Tree:
    return {str(key): _literals(value) if isinstance(value, dict) else _literal(value) for key, value in tree.items()}


def _literal(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return value


def _merged(base: Tree, over: Tree) -> Tree:
    both = {key for key in base.keys() & over.keys() if isinstance(base[key], dict) and isinstance(over[key], dict)}
    return {**base, **over, **{key: _merged(base[key], over[key]) for key in both}}


def flatten(tree: Tree, prefix: str = "") -> dict[str, Any]:
    """Sections within sections -> values by dotted key. An empty section holds no key."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat.update(flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return flat


def _check(key: str, value: Any, assumed: Mapping[str, Any], where: str) -> None:
    if key not in assumed:
        near = get_close_matches(key, assumed, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "correct its name, or remove it"
        raise UserError(f"{where}: unknown key '{key}'; {hint}")
    if not _fits(value, assumed[key]) or (key in PAIRS and len(value) != 2):
        wanted = "pair" if key in PAIRS else _kind(assumed[key])
        raise UserError(f"{where}: key '{key}' is {value!r}; it must be a {wanted}, such as {assumed[key]!r}")


def _fits(value: Any, assumed: Any) -> bool:
    """Whether a value is of the type of the one that is assumed without it, and so are its items, where it is a list.

    What is assumed to be None may be anything.
    """
    if assumed is None:
        return True
    found, wanted = _kind(value), _kind(assumed)
    if found == wanted == "list":
        kinds = (assumed[0],) if assumed else ("", 0.0)
        return all(any(_fits(item, kind) for kind in kinds) for item in value)
    return found == wanted or (found, wanted) == ("whole number", "number")


def _kind(value: Any) -> str:
    """bool stands before int: True is both."""
    kinds = ((bool, "truth value"), (int, "whole number"), (float, "number"), (str, "text"), ((list, tuple), "list"))
    return next((name for types, name in kinds if isinstance(value, types)), type(value).__name__)
