"""One training by several processes on this machine: they are started together and end together."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from vita.core.contract import Interrupted
from vita.core.records import TRAINING_FILE
from vita.core.run_config import RunConfig
from vita.engine.interruption import END, WARNINGS
from vita.engine.record import new_training_record, write_ended

USER_ERROR = 2  # the exit code
GRACE_S = 30  # in which the others end in order when one has failed; then they are killed


@dataclass(frozen=True)
class Failure:
    """The process that failed first. code: its exit code; minus the signal's number where a signal ended it."""

    rank: int
    code: int

    @property
    def in_words(self) -> str:
        """How it ended."""
        return f"ended by {signal.Signals(-self.code).name}" if self.code < 0 else f"ended with exit code {self.code}"


def train_together(config: RunConfig, folder: Path, processes: int, command: Sequence[str]) -> None:
    """Run the command that trains a run in several processes, which find each other.

    folder: of the run. Where one fails, the others are ended, a record says which it was, and this process ends with
    its exit code.
    """
    os.environ.setdefault("OMP_NUM_THREADS", str(config.train.threads))  # else the library warns of its own choice
    failure = _run_together(processes, command)
    if failure is None:
        return
    path = folder / "work" / TRAINING_FILE
    # Who was killed could not tell; the others have noted no more than that they miss it. A user error is told already:
    # perhaps that a trainer is at work here, whose folder is left alone.
    if failure.code < 0 or (failure.code != USER_ERROR and not path.exists()):
        record = new_training_record(config)
        record.processes, record.status = processes, "failed"
        record.error = f"process {failure.rank} of {processes}: {failure.in_words}"
        write_ended(record, path)
        sys.stderr.write(f"error: {record.error}\n")
    raise SystemExit(failure.code if failure.code > 0 else 128 - failure.code)


def _run_together(processes: int, command: Sequence[str]) -> Failure | None:
    """The first failure; None when all processes end well."""
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # it is told here
    plan = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        run_id=uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        signals_to_handle=",".join(one.name for one in (signal.SIGINT, END, *WARNINGS)),  # given on to all processes
        shutdown_timeout=GRACE_S,
    )
    program, *arguments = command
    try:
        elastic_launch(plan, program)(*arguments)
    except ChildFailedError as error:
        return first_failure(error)
    except SignalException as ended:  # which all processes got too, and ended by in order
        raise Interrupted(f"by {signal.Signals(ended.sigval).name}") from None
    return None


def first_failure(error: ChildFailedError) -> Failure:
    """Of all processes that failed, the one that the others failed after."""
    failures = [Failure(rank, one.exitcode) for rank, one in sorted(error.failures.items())]
    # Who found what a user can mend says so, and who a signal ended is next: the others fail since they miss these two.
    # By SIGTERM, they were ended by the launcher.
    causes = [one for one in failures if one.code != -END] or failures
    return min(causes, key=lambda one: (one.code != USER_ERROR, one.code >= 0))
