"""One trial in a fresh process: `python -m vita.engine.memory.trial ASKED FOUND`. Do so many frames fit?

The process ends after one trial: what an allocator keeps, caches or has torn into pieces is gone with it. Who asked is
told how it ended, also where the process could not tell so itself.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch

from vita.core.config_base import Frozen, parse
from vita.core.contract import ProbedMethod
from vita.core.files import read_json, write_json
from vita.core.run_config import CardConfig
from vita.engine.device_settings import apply_settings
from vita.engine.interruption import die_with_parent
from vita.engine.memory.budget import Budget, Kind, address_space, peak_address_space
from vita.engine.memory.case import Case
from vita.engine.memory.fallback_guard import FallbackGuard
from vita.engine.memory.gpu import nvml_reader
from vita.engine.memory.offline_inference import build, run
from vita.engine.out_of_memory import is_no_engine, is_out_of_memory
from vita.engine.seeding import seed_everything

Outcome = Literal["fits", "out of memory", "no engine", "fallback", "killed", "crashed", "hung", "error"]
ANSWERS: tuple[Outcome, ...] = ("fits", "out of memory")  # all others are no answer to the question
UNSETTLED: Outcome = "no engine"  # cuDNN's words for two things, which another trial tells apart
COMMAND = (sys.executable, "-m", "vita.engine.memory.trial")


class TrialRequest(Frozen):
    """What one trial is asked: the case, the budget and the number of frames."""

    case: Case
    budget_kind: Kind
    budget_bytes: int
    frames: int
    threads: int = 1

    @property
    def budget(self) -> Budget:
        """The budget under which the trial runs."""
        return Budget(self.budget_kind, self.budget_bytes)


class Trial(Frozen):
    """How one trial ended, and its peaks where it lived to tell.

    peak_bytes: above what was there before.  used_bytes: of the card in all, as its driver says.
    """

    frames: int
    outcome: Outcome
    message: str = ""
    peak_bytes: int | None = None
    allocated_bytes: int | None = None
    reserved_bytes: int | None = None
    used_bytes: int | None = None
    seconds: float = 0.0


def run_trial(request: TrialRequest, timeout_s: float, command: Sequence[str] = COMMAND) -> Trial:
    """Run one trial and say how it ended. Never raises for what happens inside: crash, kill and hang are outcomes."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="vita-trial-") as folder:
        asked, told = Path(folder) / "request.json", Path(folder) / "result.json"
        write_json(asked, request.model_dump(mode="json"))
        with (Path(folder) / "stderr").open("w+b") as stderr:
            code = _wait_for([*command, str(asked), str(told)], stderr.fileno(), timeout_s)
            stderr.seek(0)
            said = stderr.read().decode(errors="replace")
        seconds = round(time.monotonic() - began, 2)
        if told.exists():
            return parse(Trial, {**read_json(told), "frames": request.frames, "seconds": seconds}, "a trial's result")
    return Trial(frames=request.frames, seconds=seconds, **_ended(code, said, timeout_s))


def _wait_for(command: list[str], stderr: int, timeout_s: float) -> int | None:
    """The exit code, None for a process that had to be stopped."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=environment()) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return None


def environment() -> dict[str, str]:
    """Every tensor its own piece of address space, given back when it is freed: no heap that stays large.

    Nor does MKL keep what its products were packed into, which is a tenth of a small budget on some processors.
    """
    own = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1", "MKL_DISABLE_FAST_MM": "1"}
    return {**os.environ, **own, "TOKENIZERS_PARALLELISM": "false"}


def _ended(code: int | None, said: str, timeout_s: float) -> dict[str, str]:
    last = said.strip().splitlines()[-1] if said.strip() else "without a word"
    if code is None:
        return {"outcome": "hung", "message": f"did not end in {timeout_s:g} s; stopped"}
    if "std::bad_alloc" in said:
        return {"outcome": "out of memory", "message": "std::bad_alloc"}
    if code == -signal.SIGKILL:
        return {"outcome": "killed", "message": "killed from outside (by the system, when the machine had no memory?)"}
    if code < 0:
        return {"outcome": "crashed", "message": f"ended by {signal.Signals(-code).name}: {last}"}
    return {"outcome": "error", "message": f"exit code {code}: {last}"}


# Inside the process


def main(request_file: Path, result_file: Path) -> None:
    """Run the trial and say how it ended; a process that says nothing was ended from outside."""
    die_with_parent()
    request = parse(TrialRequest, read_json(request_file), str(request_file))
    seed_everything(0, request.threads)
    device = request.budget.device
    apply_settings(CardConfig(), device)
    model, variant = build(request.case)
    model.to(device)  # type: ignore[attr-defined]
    with FallbackGuard(device):  # loads what is loaded at first use
        run(model, variant, request.case, request.case.chunk_frames)
    write_json(result_file, attempt(model, variant, request))


def attempt(model: ProbedMethod, variant: Any, request: TrialRequest) -> dict[str, Any]:
    """Run the model on the frames, and return the outcome and the peaks."""
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
        outcome = outcome_of(error, is_warm=request.frames == request.case.chunk_frames)
        message = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    return {"outcome": outcome, "message": message, **peaks(request.budget, before)}


def outcome_of(error: Exception, is_warm: bool) -> Outcome:
    """What an exception that ended a trial says about memory.

    is_warm: the warm-up, which has no limit, computed as many frames; so there are engines for them.
    """
    if is_no_engine(error):
        return "out of memory" if is_warm else UNSETTLED
    return "out of memory" if is_out_of_memory(error) else "error"


def _start(budget: Budget) -> int:
    before = address_space() if budget.kind == "cpu" else torch.cuda.memory_allocated()
    if budget.kind != "cpu":
        torch.cuda.reset_peak_memory_stats()
    budget.apply()
    return before


def peaks(budget: Budget, before: int) -> dict[str, int]:
    """Peaks of a trial that just ended, in bytes above those `before`.

    On a card also in all: allocated, reserved by the allocator, and used as the driver says, where what the allocator
    gave back since its peak is added.
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
    gc.freeze()  # as in `vita.cli.main`: the interpreter's end is then short
