"""Weights & Biases, by its package `wandb`. Its own variables (WANDB_PROJECT, WANDB_MODE, ...) say where to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from vita.core.watcher import EVENTS, WatchedRun
from vita.engine.watching.told import Service

PROJECT = "vita-bench"  # where WANDB_PROJECT names none
STEP = "step"  # a column of its own: the service's steps only ever go up


class WeightsAndBiases(Service):
    """One run of the service, which goes on with the training."""

    def __init__(self, run: WatchedRun) -> None:
        import wandb  # noqa: PLC0415 - an extra, which most environments lack

        folder = run.folder / EVENTS
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(run, "wandb", wandb.Image)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", PROJECT),
            name=run.name,
            id=self.told.id,
            resume="allow",
            config=dict(run.config),
            dir=str(folder),
            settings=wandb.Settings(console="off"),  # what the training prints is its log's
        )
        self._run.define_metric(STEP, hidden=True)
        self._run.define_metric("*", step_metric=STEP)

    def close(self, finished: bool) -> None:
        """See `Watcher`."""
        self._run.finish(exit_code=0 if finished else 1)

    def send(self, step: int, values: Mapping[str, Any]) -> None:
        """See `Service`."""
        self._run.log({**values, STEP: step})
