"""Snakemake under way in a process group of its own, and five ways in which it is ended."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "KILL_CAMPAIGN"  # a variable in the environment of all that a campaign starts
MESSAGES = {"Painting": "data_synth", "Training": "train", "Predicting": "predict", "Probing": "probe"}  # first words
ENDS_S = 60.0  # that Snakemake has for its end where it is asked for it

STUCK = f"did not end in {ENDS_S:.0f} s"


class Call:
    """One call of Snakemake; `log` has what it says."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], log: Path) -> None:
        self.log = log
        with log.open("w") as handle:
            self.process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=handle, stderr=handle, start_new_session=True
            )

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def started(self) -> dict[int, str]:
        """Rules of the jobs that were started, by number, in their order."""
        said = self.said()
        plain = re.findall(r"^(?:local)?rule (\w+):\n(?: .*\n)*? +jobid: (\d+)", said, re.M)
        with_message = [(MESSAGES[word], number) for number, word in re.findall(r"^Job (\d+): (\w+)", said, re.M)]
        return {int(number): rule for rule, number in [*plain, *with_message]}

    def running(self) -> list[str]:
        """Rules that are under way; what Snakemake does where none is."""
        over = {
            int(number) for number in re.findall(r"^(?:Finished jobid:|Error in.*\n +jobid:) (\d+)", self.said(), re.M)
        }
        started = self.started()
        now = [rule for number, rule in started.items() if number not in over]
        return now or ["between jobs" if started else "building the DAG"]

    def children(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [child for child in psutil.Process(self.process.pid).children(recursive=True) if alive(child)]
        return []


def alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def at_work(mark: str) -> list[psutil.Process]:
    """All living processes that the campaign with this mark started."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == mark and alive(process):
                found.append(process)
    return found


def kill_snakemake(call: Call, _: random.Random) -> str:
    call.process.kill()
    call.process.wait()
    return ""


def end_snakemake(call: Call, _: random.Random) -> str:
    call.process.send_signal(signal.SIGTERM)
    return _ends(call)


def interrupt_group(call: Call, _: random.Random) -> str:
    os.killpg(call.process.pid, signal.SIGINT)
    return _ends(call)


def kill_child(call: Call, chance: random.Random) -> str:
    """Snakemake itself is left alone: what it makes of that is its own affair."""
    for child in sorted(call.children(), key=lambda _: chance.random()):
        with suppress(psutil.Error):
            words = child.cmdline()
            child.kill()
            return described(words)
    return "no child was there"


def kill_group(call: Call, _: random.Random) -> str:
    os.killpg(call.process.pid, signal.SIGKILL)
    call.process.wait()
    return ""


WAYS = {
    "SIGKILL to Snakemake alone": kill_snakemake,
    "SIGTERM to Snakemake": end_snakemake,
    "SIGINT to the group": interrupt_group,
    "SIGKILL to a child": kill_child,
    "SIGKILL to the group": kill_group,
}


def _ends(call: Call) -> str:
    began = time.monotonic()
    try:
        call.process.wait(timeout=ENDS_S)
    except subprocess.TimeoutExpired:
        kill_group(call, random.Random())
        return STUCK
    return f"ended after {time.monotonic() - began:.1f} s"


def described(words: list[str]) -> str:
    """The `vita` command of a process, or its program."""
    line = " ".join(words)
    found = re.search(r"\bvita (train|predict|evaluate|probe|models|claims|table \w+|figure \w+|data \w+)", line)
    return found[0] if found else Path((words or ["a process that has ended"])[0]).name
