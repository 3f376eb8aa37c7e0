"""Reading the clips of every optimiser step, in worker processes if there are any."""

from __future__ import annotations

from collections.abc import Generator
from typing import cast

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from vita.core.contract import Clip, UserError
from vita.core.run_config import TrainConfig
from vita.data.sampling.clip_stream import ClipStream
from vita.engine.interruption import leave_signals_to_trainer
from vita.engine.passes import shares_of
from vita.engine.processes import Processes


def read_shares(
    stream: ClipStream, steps: range, schedule: TrainConfig, processes: Processes
) -> Generator[list[Clip | UserError], None, None]:
    """The share of this process of the batch of every step; an error in the place of a clip that cannot be read.

    To be closed where not all is read: worker processes, which pass over a scheduler's signals, end then in order.
    """
    yield from DataLoader(
        cast("Dataset[Clip | UserError]", _ErrorsAsSamples(stream)),
        batch_sampler=shares_of(steps, schedule.clips_per_batch, processes),
        collate_fn=list,
        num_workers=schedule.workers,
        worker_init_fn=_begin_worker,
        generator=torch.Generator(),  # else it draws from the global one, once more in a resumed run
    )


def _begin_worker(_: int) -> None:
    """In a process that reads clips. Many, each with threads for all cores, would only wait for each other."""
    cv2.setNumThreads(0)
    leave_signals_to_trainer()


class _ErrorsAsSamples:
    """Bad input found by a worker process reaches the trainer as it is, not wrapped in the worker's traceback."""

    def __init__(self, clips: ClipStream) -> None:
        self._clips = clips

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, k: int) -> Clip | UserError:
        try:
            return self._clips[k]
        except UserError as error:
            return error
