"""All watchers of one training. They change nothing of it, and none that fails ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.contract import Track, UserError
from vita.core.plugins import find_watcher
from vita.core.progress import say
from vita.core.run_config import RunConfig
from vita.core.watcher import WatchedRun, Watcher, WatcherDefinition
from vita.data.ytvis import Split
from vita.engine.processes import ALONE, Processes

# The first video of a split with the tracks that were found in it, as a picture, (H, W, 3) uint8.
Draw = Callable[[Split, Sequence[Track]], np.ndarray]


@dataclass(frozen=True)
class Watch:
    """Who watches a training, by names of watchers, and how predictions are drawn for them; None: not at all."""

    names: tuple[str, ...] = ()
    draw: Draw | None = None


UNWATCHED = Watch()


class Watching:
    """The watchers that a training has, which may become fewer while it goes on; they are closed at its end."""

    def __init__(self, watch: Watch) -> None:
        """Find the watchers. Raises UserError on an unknown name."""
        self._draw = watch.draw
        self._definitions: dict[str, WatcherDefinition] = {name: find_watcher(name) for name in watch.names}
        self._watchers: dict[str, Watcher] = {}
        self._step = 0  # the last that was told

    def start(
        self,
        config: RunConfig,
        folder: Path,
        step: int,
        rows: Sequence[Mapping[str, Any]],
        processes: Processes = ALONE,
    ) -> None:
        """Begin to watch a run that has taken so many steps, with the rows of its history so far.

        The main process tells, but all have to call. Raises UserError in all where a watcher cannot begin.
        """
        problem: UserError | None = None
        if processes.is_main:
            name = f"{config.dataset.name} {config.method} {config.backbone} {config.variant} seed {config.seed}"
            run = WatchedRun(name, folder, config.model_dump(mode="json"), step)
            try:
                for watcher, definition in self._definitions.items():
                    self._watchers[watcher] = _begun(watcher, definition, run)
            except UserError as error:
                problem = error
        processes.gather(problem)
        for row in rows:
            self.row(row)

    def row(self, row: Mapping[str, Any]) -> None:
        """Numbers of a row of history.csv, which is to hold `step`."""
        self._step = row["step"]
        values = {name: value for name, value in row.items() if name != "step"}
        self._tell(lambda watcher: watcher.scalars(self._step, values))

    def predictions(self, step: int, split: Split, tracks: Sequence[Track]) -> None:
        """A picture of what was found in the first video of a split after so many steps."""
        if self._draw is None or not self._watchers:
            return
        self._step = step
        try:
            pictures = {split.videos[0].name: self._draw(split, tracks)}
        except Exception as error:  # no picture is worth a training
            self._draw = None
            say(f"step {step}: predictions are no longer drawn: {_in_words(error)}; training goes on")
            return
        self._tell(lambda watcher: watcher.images(step, pictures))

    def __enter__(self) -> Watching:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._tell(lambda watcher: watcher.close(kind is None))
        self._watchers = {}

    def _tell(self, call: Callable[[Watcher], None]) -> None:
        for name, watcher in list(self._watchers.items()):
            try:
                call(watcher)
            except Exception as error:  # a lost network, a full disk: history.csv has everything
                del self._watchers[name]
                say(f"step {self._step}: watching by {name} has ended: {_in_words(error)}; training goes on")


def _begun(name: str, definition: WatcherDefinition, run: WatchedRun) -> Watcher:
    try:
        return definition(run)
    except UserError:
        raise
    except ModuleNotFoundError as error:
        extra = f"pip install 'vita-bench[{name}]'"
        raise UserError(f"watching by {name} needs the package {error.name}, which is not installed: {extra}") from None
    except Exception as error:  # whatever a service's package raises
        raise UserError(
            f"watching by {name} cannot begin: {_in_words(error)}; nothing is trained. Mend it, or leave {name} out "
            "(`--watch`; in a tier, `watch`)"
        ) from error


def _in_words(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
