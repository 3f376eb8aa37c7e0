"""Runs a trial in a fresh process and tells how it ended, also where it could not tell so itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from vita.core.config_base import Frozen, parse
from vita.core.files import read_json, write_json
from vita.engine.memory.trial import TrialRequest

Outcome = Literal["fits", "out of memory", "fallback", "killed", "crashed", "hung", "error"]
ANSWERS: tuple[Outcome, ...] = ("fits", "out of memory")  # all others are no answer to the question
COMMAND = (sys.executable, "-m", "vita.engine.memory.trial")


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
    """Never raises for what happens inside: a crash, a kill and a hang are outcomes too."""
    began = time.monotonic()
    with TemporaryDirectory(prefix="vita-trial-") as folder:
        asked, told = Path(folder) / "request.json", Path(folder) / "result.json"
        write_json(asked, request.model_dump(mode="json"))
        with (Path(folder) / "stderr").open("w+b") as stderr:
            code = _run([*command, str(asked), str(told)], stderr.fileno(), timeout_s)
            stderr.seek(0)
            said = stderr.read().decode(errors="replace")
        seconds = round(time.monotonic() - began, 2)
        if told.exists():
            return parse(Trial, {**read_json(told), "frames": request.frames, "seconds": seconds}, "a trial's result")
    return Trial(frames=request.frames, seconds=seconds, **_ended(code, said, timeout_s))


def _run(command: list[str], stderr: int, timeout_s: float) -> int | None:
    """The exit code, None for a process that had to be stopped."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr, env=environment()) as process:
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return None


def environment() -> dict[str, str]:
    """Every tensor its own piece of address space, given back when it is freed: no heap that stays large.

    Cards are numbered as the driver does, which is asked about them too.
    """
    own = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1", "TOKENIZERS_PARALLELISM": "false"}
    return {**os.environ, **own, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


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
