"""Trackio, by its package: a dashboard on this machine, or on a Space that its own variables name."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vita.core.watcher import WatchedRun
from vita.engine.watching.told import Service

PROJECT = "vita-bench"  # where TRACKIO_PROJECT names none


class Trackio(Service):
    """One run of a project, which goes on with the training."""

    def __init__(self, run: WatchedRun) -> None:
        import trackio  # noqa: PLC0415 - an extra, which most environments lack

        super().__init__(run, "trackio", trackio.Image)
        self._run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT", PROJECT),
            name=f"{run.name} {self.told.id}",  # the package finds a run again by its name alone
            config=dict(run.config),
            resume="allow",
            embed=False,
        )

    def close(self, finished: bool) -> None:
        """See `Watcher`."""
        self._run.finish()

    def send(self, step: int, values: Mapping[str, Any]) -> None:
        """See `Service`."""
        self._run.log(dict(values), step=step)
