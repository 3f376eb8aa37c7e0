"""Watchers that tell a service, and what it was told: a training that goes on tells it nothing twice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
from pydantic import Field

from vita.core.config_base import Frozen, parse
from vita.core.files import read_json, write_json
from vita.core.watcher import EVENTS, WatchedRun

Value = TypeVar("Value")


class _Told(Frozen):
    """Content of the file. steps: the last that was told, by column."""

    id: str
    steps: dict[str, int] = Field({})


class Told:
    """`events/<service>.json`: under which id a service knows the run, and up to which step of each column.

    A training that begins anew is another run to the service.
    """

    def __init__(self, run: WatchedRun, service: str) -> None:
        self._path = run.folder / EVENTS / f"{service}.json"
        goes_on = run.step > 0 and self._path.exists()
        told = parse(_Told, read_json(self._path), str(self._path)) if goes_on else _Told(id=uuid4().hex[:12])
        self.id, self._steps = told.id, dict(told.steps)

    def new(self, step: int, values: Mapping[str, Value]) -> dict[str, Value]:
        """Those of the values that were not told."""
        return {name: value for name, value in values.items() if step > self._steps.get(name, -1)}

    def note(self, step: int, values: Mapping[str, Value]) -> None:
        """These were told now."""
        self._steps |= dict.fromkeys(values, step)
        write_json(self._path, _Told(id=self.id, steps=self._steps).model_dump())


class Service(ABC):
    """A `Watcher` that tells a service each number and picture once. Its own part is `send` and `close`."""

    def __init__(self, run: WatchedRun, name: str, picture: Callable[[np.ndarray], Any]) -> None:
        """name: of the file of what was told.  picture: makes of (H, W, 3) uint8 what the service's package takes."""
        self.told, self._picture = Told(run, name), picture

    @abstractmethod
    def send(self, step: int, values: Mapping[str, Any]) -> None:
        """Tell the service these values of a step."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """See `Watcher`."""
        self._log(step, self.told.new(step, values))

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """See `Watcher`."""
        new = self.told.new(step, pictures)
        self._log(step, {name: self._picture(picture) for name, picture in new.items()})

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        if values:
            self.send(step, values)
            self.told.note(step, values)
