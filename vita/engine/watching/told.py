"""What a service was told of a run, so that a training that goes on tells it nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from uuid import uuid4

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

    @property
    def anything(self) -> bool:
        """Whether the service knows the run already."""
        return bool(self._steps)

    def new(self, step: int, values: Mapping[str, Value]) -> dict[str, Value]:
        """Those of the values that were not told."""
        return {name: value for name, value in values.items() if step > self._steps.get(name, -1)}

    def note(self, step: int, values: Mapping[str, Value]) -> None:
        """These were told now."""
        self._steps |= dict.fromkeys(values, step)
        write_json(self._path, _Told(id=self.id, steps=self._steps).model_dump())
