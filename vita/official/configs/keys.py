"""What becomes of official keys that no key of ours stands for: what `keys.yaml` says of them.

What is said of one architecture comes before what is said of all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from vita.core.config_base import read_yaml

Kind = Literal["taken", "our constant", "not needed", "not supported"]


@dataclass(frozen=True)
class KeyStatus:
    """What became of one key."""

    kind: Kind
    why: str


@dataclass(frozen=True)
class Fates:
    """Of many keys, by what they have in common."""

    needless: Mapping[str, str] = field(default_factory=dict)  # why the value does not matter
    constant: Mapping[str, Any] = field(default_factory=dict)  # the value that ours always has
    lacking: Mapping[str, str] = field(default_factory=dict)  # what ours does instead, of constants that say too little

    def of(self, key: str, value: Any) -> KeyStatus | None:
        """None when nothing is said of this key."""
        for name in _names(key):
            if name in self.needless:
                return KeyStatus("not needed", self.needless[name])
            if name in self.constant:
                ours = self.constant[name]
                if _plain(value) == _plain(ours):
                    return KeyStatus("our constant", "")
                return KeyStatus("not supported", self.lacking.get(name, f"always {ours!r} here"))
        return None


def status_of(key: str, value: Any, architecture: str) -> KeyStatus | None:
    """Of a key under one official architecture; None when nothing is said of it."""
    tables = _tables()
    return tables[architecture].of(key, value) or tables["common"].of(key, value)


@cache
def _tables() -> dict[str, Fates]:
    """By architecture, and of all."""
    return {name: Fates(**fates) for name, fates in read_yaml(Path(__file__).with_name("keys.yaml")).items()}


def _names(key: str) -> list[str]:
    """The key, then its sections from the innermost."""
    parts = key.split(".")
    return [key, *(".".join(parts[:count]) + "." for count in range(len(parts) - 1, 0, -1))]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
