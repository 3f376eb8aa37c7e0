"""Trackio, by its package: a dashboard on this machine, or on a Space that its own variables name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from vita.core.watcher import WatchedRun
from vita.engine.watching.told import Told

PROJECT = "vita-bench"  # where TRACKIO_PROJECT names none


class Trackio:
    """One run of a project, which goes on with the training."""

    def __init__(self, run: WatchedRun) -> None:
        import trackio  # noqa: PLC0415 - an extra, which most environments lack

        self._told = Told(run, "trackio")
        self._picture = trackio.Image
        self._run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", PROJECT),
            name=f"{run.name} {self._told.id}",  # the package finds a run again by its name alone
            config=dict(run.config),
            resume="allow",
            embed=False,
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """See `Watcher`."""
        self._log(step, self._told.new(step, values))

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """See `Watcher`."""
        new = self._told.new(step, pictures)
        self._log(step, {name: self._picture(picture) for name, picture in new.items()})

    def close(self, finished: bool) -> None:
        """See `Watcher`."""
        self._run.finish()

    def _log(self, step: int, values: Mapping[str, Any]) -> None:
        if values:
            self._run.log(dict(values), step=step)
            self._told.note(step, values)
