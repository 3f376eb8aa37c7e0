"""What shows a training to people while it goes on: TensorBoard, services, and watchers of one's own.

Legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

EVENTS = "events"  # in a run's folder: all that watchers leave there
NOBODY = "none"  # in the place of watchers' names, on a command line


@dataclass(frozen=True)
class WatchedRun:
    """The training that is shown.

    name: in words, of the run among others.  folder: of the run; a watcher writes into its folder `EVENTS` alone.
    config: the run's configuration, plain values by key.  step: steps that are done already, 0 where it begins.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]
    step: int


class Watcher(Protocol):
    """Shows one training. Steps come in ascending order, but begin again after an interruption.

    Whatever a call raises is told once, and ends the watching; the training goes on.
    """

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after so many steps, by the columns of history.csv."""
        ...

    def images(self, step: int, pictures: Mapping[str, np.ndarray]) -> None:
        """Pictures after so many steps by name, (H, W, 3) uint8 each."""
        ...

    def close(self, finished: bool) -> None:
        """The training is over. finished: False where it was interrupted or failed, and may go on."""
        ...


class WatcherDefinition(Protocol):
    """What an entry point of the group `vita.watchers` names."""

    def __call__(self, run: WatchedRun) -> Watcher:
        """Begin to show a run. It is told all rows of its history so far next, which it may have been told before.

        Raises UserError where it cannot, before anything is trained.
        """
        ...
