"""What is done between two steps of a training: nothing, a checkpoint, or a checkpoint and an end."""

from __future__ import annotations

import time
from enum import IntEnum

from vita.core.contract import UserError
from vita.core.run_config import TrainConfig
from vita.engine.interruption import EndRequest
from vita.engine.processes import Processes


def stop_after(schedule: TrainConfig, max_steps: int | None) -> int:
    """The last step of a training, or of a trial of it. Raises UserError where a trial would be the whole."""
    if max_steps is not None and max_steps >= schedule.iterations:
        raise UserError(
            f"--max-steps {max_steps}: the whole training has {schedule.iterations} steps; ask for fewer, or leave "
            "it out"
        )
    return max_steps or schedule.iterations


class Pause(IntEnum):
    """Of these, all processes do the greatest that any of them wishes."""

    NONE = 0
    SAVE = 1
    END = 2


class Pauses:
    """Knows the schedule, the clock and the signals. Clocks differ between processes; a signal may reach one alone."""

    def __init__(self, processes: Processes, schedule: TrainConfig, end: EndRequest) -> None:
        self._processes, self._schedule, self._end = processes, schedule, end
        self._saved_at = time.monotonic()

    def after(self, done: int) -> Pause:
        """What is to be done after this many steps, the same in all processes. The last step is followed by none."""
        if done == self._schedule.iterations:
            return Pause.NONE
        minutes = (time.monotonic() - self._saved_at) / 60
        due = done % self._schedule.checkpoint_every == 0 or minutes >= self._schedule.checkpoint_minutes
        wish = Pause.END if self._end else Pause.SAVE if due else Pause.NONE
        return max(self._processes.gather(wish))

    def saved(self) -> None:
        """A checkpoint was written now."""
        self._saved_at = time.monotonic()
