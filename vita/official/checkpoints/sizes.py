"""Sizes of official models, from their configuration and from the shapes of their weights.

config: flat keys ("MODEL.MASK_FORMER.NHEADS"); shapes: of the official state dict, by key. Both may be partial or
empty: what neither names is as released. Where both name a size they must agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vita.core.contract import UserError

Config = Mapping[str, Any]
Shapes = Mapping[str, tuple[int, ...]]
Fixed = Mapping[str, tuple[Any, ...]]


@dataclass(frozen=True)
class Sizes:
    """Reads one size after the other and holds configuration against shapes."""

    config: Config
    shapes: Shapes

    def check_fixed(self, fixed: Fixed) -> None:
        """Raises UserError when the configuration asks for a variant that is not among the allowed values."""
        for key, allowed in fixed.items():
            if key in self.config and self.config[key] not in allowed:
                raise UserError(f"{key} is {self.config[key]!r}; supported is {' or '.join(map(repr, allowed))}")

    def choose(self, key: str, shaped: Any, released: Any = None) -> Any:
        """What `key` configures, or what the weights are shaped for (None: they do not say), or the released value.

        Raises UserError when configuration and weights differ.
        """
        configured = self.config.get(key)
        return agreed(key, tuple(configured) if isinstance(configured, list) else configured, shaped, released)

    def dim(self, key: str, axis: int = 0) -> int | None:
        """Size of one axis of an official tensor; None when the shapes do not hold it."""
        shape = self.shapes.get(key, ())
        return shape[axis] if axis < len(shape) else None

    def count(self, stem: str) -> int | None:
        """How many numbered modules there are below `stem` (which ends with a dot); None for none."""
        return len({key[len(stem) :].partition(".")[0] for key in self.shapes if key.startswith(stem)}) or None


def agreed(key: str, configured: Any, shaped: Any, released: Any = None) -> Any:
    """As `Sizes.choose`, of a value that was derived from the configured one."""
    if configured is not None and shaped is not None and configured != shaped:
        raise UserError(f"{key} asks for {configured}, but the weights are of {shaped}; use their own configuration")
    return next((value for value in (configured, shaped) if value is not None), released)


def complete(numbers: tuple[int | None, ...]) -> tuple[int | None, ...] | None:
    """The numbers; None where one of them is not known."""
    return None if None in numbers else numbers
