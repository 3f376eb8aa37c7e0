"""One trial, alone in its process: `python -m vita.engine.memory.trial ASKED FOUND`. Do so many frames fit?

The process ends after one trial: what an allocator keeps, caches or has torn into pieces is gone with it.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import torch

from vita.core.config_base import Frozen, parse
from vita.core.contract import ProbedMethod
from vita.core.files import read_json, write_json
from vita.engine.memory.budget import Budget, Kind, address_space, peak_address_space
from vita.engine.memory.case import Case
from vita.engine.memory.fallback_guard import FallbackGuard, is_out_of_memory
from vita.engine.memory.gpu import nvml_reader
from vita.engine.memory.offline_inference import build, run
from vita.engine.seeding import seed_everything
from vita.engine.work_folder import die_with_parent


class TrialRequest(Frozen):
    """What a trial is told."""

    case: Case
    budget_kind: Kind
    budget_bytes: int
    frames: int
    threads: int = 1

    @property
    def budget(self) -> Budget:
        """Under which it runs."""
        return Budget(self.budget_kind, self.budget_bytes)


def main(request_file: Path, result_file: Path) -> None:
    """Run the trial and say how it ended; a process that says nothing was ended from outside."""
    die_with_parent()
    request = parse(TrialRequest, read_json(request_file), str(request_file))
    seed_everything(0, request.threads)
    device = request.budget.device
    model, variant = build(request.case)
    model.to(device)  # type: ignore[attr-defined]
    with FallbackGuard(device):  # loads what is loaded at first use
        run(model, variant, request.case, request.case.chunk_frames)
    write_json(result_file, attempt(model, variant, request))


def attempt(model: ProbedMethod, variant: Any, request: TrialRequest) -> dict[str, Any]:
    """The outcome and the peaks."""
    gc.collect()
    before = _start(request.budget)
    guard = FallbackGuard(request.budget.device)
    message = ""
    try:
        with guard:
            run(model, variant, request.case, request.frames)
        outcome = "fallback" if guard.fallback else "fits"
        message = guard.fallback or ""
    except Exception as error:
        outcome = "out of memory" if is_out_of_memory(error) else "error"
        message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return {"outcome": outcome, "message": message, **peaks(request.budget, before)}


def _start(budget: Budget) -> int:
    before = address_space() if budget.kind == "cpu" else torch.cuda.memory_allocated()
    if budget.kind != "cpu":
        torch.cuda.reset_peak_memory_stats()
    budget.apply()
    return before


def peaks(budget: Budget, before: int) -> dict[str, int]:
    """Of a trial that just ended, in bytes above those `before`. On a card also in all: allocated, reserved by the
    allocator, and used as the driver says, where what the allocator gave back since its peak is added.
    """
    if budget.kind == "cpu":
        return {"peak_bytes": peak_address_space() - before}
    allocated, reserved = torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()
    with nvml_reader() as read:
        used = read().used_bytes + reserved - torch.cuda.memory_reserved()
    in_all = {"allocated_bytes": allocated, "reserved_bytes": reserved, "used_bytes": used}
    return {"peak_bytes": allocated - before, **in_all}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
