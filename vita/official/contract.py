"""What a method with a released implementation adds to itself; a method without one needs nothing of this."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

CPU = torch.device("cpu")


@dataclass(frozen=True)
class OfficialTensor:
    """Where a tensor of ours lies in an official state dict: a whole entry, or one third of a stacked projection."""

    key: str
    third: int | None = None  # 0 query, 1 key, 2 value

    def under(self, prefix: str) -> OfficialTensor:
        """The same tensor of a module that is itself called `prefix` (which ends with a dot)."""
        return replace(self, key=prefix + self.key)


@dataclass(frozen=True)
class Check:
    """One group of recorded tensors held against ours, entry by entry. Errors are absolute."""

    group: str
    error: float  # the largest
    largest: float  # absolute value recorded
    tolerance: float  # allowed error at the largest value
    passed: bool | None  # None: nothing was compared
    note: str = ""  # what else has to be told
    # The same group in 64 bits, where that may settle a failure: a look again that may itself fail.
    again: Callable[[], Check] | None = field(default=None, compare=False, repr=False)


def not_compared(group: str) -> Check:
    """A group of which nothing is compared; its name says why."""
    return Check(group, math.nan, math.nan, math.nan, None)


class ReferenceAdapter(Protocol):
    """What an entry point of the group `vita.official` names: a method's weights and options in its release's names."""

    def source(self, name: str) -> OfficialTensor | None:
        """Where the tensor that our state dict calls `name` comes from; None when it has no counterpart."""
        ...

    def constants(self, model: nn.Module) -> Mapping[str, Tensor]:
        """Entries of the official state dict that are fixed by the configuration, such as class weights."""
        ...

    def options(self, config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Options from an official configuration and, for what it does not name, from the shapes of a state dict.

        config: flat keys ("MODEL.MASK_FORMER.NHEADS"); shapes: of official keys. Both may be empty: what neither
        names is as released. Raises UserError on sizes that contradict each other.
        """
        ...


class RecordedOutputs(Protocol):
    """What an entry point of the group `vita.conformance` names (a module will do): a method held to its release."""

    def checks(self, folder: Path, device: torch.device = CPU) -> Iterator[Check]:
        """Ours on `device` against the recorded outputs in `folder`, or its optimiser steps where it holds those.

        Raises UserError when the folder is malformed.
        """
        ...

    def full_size_checks(self, folder: Path, device: torch.device = CPU) -> Iterator[Check]:
        """As `checks`, of those recordings among the full-size ones in `folder` that are of this method."""
        ...
