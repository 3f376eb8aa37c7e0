"""Kills at random moments until there are enough; whenever all is made, it is held against an undisturbed run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from conftest import Folder
from same_results import differences, leavings
from ways_to_end import MARK, STUCK, WAYS, Call, at_work

TARGETS = (
    "results/all_runs.csv",
    "results/table4.csv",
    "results/table6.csv",
    "results/figure5.pdf",
    "results/figure6/figure6.pdf",
)
HANGS_S = 1200  # no call takes so long
KIND_OF_MOMENT = {"while it starts": 15, "at any time": 35, "about a job": 50}  # weights


@dataclass(frozen=True)
class Moment:
    """When to kill: so long after the start of the next job but `jobs`, or after the call, where `jobs` is 0."""

    seconds: float
    jobs: int = 0

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s after {f'job +{self.jobs}' if self.jobs else 'the call'}"


@dataclass(frozen=True)
class Kill:
    """What was done to a call, and what was under way."""

    way: str
    hit: tuple[str, ...]


@dataclass
class Campaign:
    """Cycles, each in an empty folder: the same command, killed at random moments, until all is made."""

    folder: Folder
    chance: random.Random
    faults: list[str] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    calls: int = 0
    cycles: int = 0
    whole_s: float = 0.0
    starting_s: float = 0.0

    def run(self, kills: int) -> None:
        """Until so many kills are done, and the last cycle has come to its end."""
        # What was put into the background by a script ignores interrupts, and so would all that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        expected = self.undisturbed()
        while len(self.kills) < kills:
            self.cycles += 1
            place = self.folder.path / f"cycle{self.cycles}"
            self.cycle(place, kills)
            found = [*self.leftovers(place), *self.open_jobs(place), *differences(expected, place)]
            self.say(f"cycle {self.cycles} ended: {'; '.join(found) or 'the same bytes, nothing left behind'}")
            self.faults += [f"cycle {self.cycles}: {fault}" for fault in found]
            if not found:
                shutil.rmtree(place)

    def undisturbed(self) -> Path:
        """What comes out where nobody kills anything, and how long that takes."""
        place, began = self.folder.path / "undisturbed", time.monotonic()
        call = self.call(place)
        while not call.started() and not call.has_ended():
            time.sleep(0.05)
        self.starting_s = time.monotonic() - began
        assert call.process.wait() == 0, call.said()
        self.whole_s = time.monotonic() - began
        self.say(f"undisturbed: {self.whole_s:.0f} s, {self.starting_s:.1f} s of them before the first job")
        return place

    def call(self, place: Path, *options: str) -> Call:
        self.calls += 1
        command = self.folder.command(*options, *TARGETS, tier=str(self.folder.path / "tier" / "kills.yaml"))
        command[command.index("--directory") + 1] = str(place)
        (place / "tmp").mkdir(parents=True, exist_ok=True)
        environment = os.environ | {MARK: str(os.getpid()), "TMPDIR": str(place / "tmp")}
        return Call(command, place, environment, self.folder.path / f"call{self.calls}.log")

    def cycle(self, place: Path, kills: int) -> None:
        call, wounded = self.call(place), False
        while True:
            way = self.chance.choice(list(WAYS))
            moment = Moment(self.chance.uniform(0, 10)) if wounded else self.moment(way)
            if len(self.kills) < kills and self.comes(call, moment):
                self.kill(call, way, moment)
                wounded = True
            else:
                call.process.wait(timeout=HANGS_S)
            if call.has_ended():
                if call.process.returncode == 0:
                    return
                if not wounded:
                    self.faults.append(f"call {self.calls} failed by itself: {call.said()[-3000:]}")
                    return
                call, wounded = self.call(place), False

    def moment(self, way: str) -> Moment:
        (kind,) = self.chance.choices(list(KIND_OF_MOMENT), list(KIND_OF_MOMENT.values()))
        if kind == "about a job" or way == "SIGKILL to a child":
            return Moment(self.chance.uniform(0, 2), self.chance.randint(1, 6))
        return Moment(self.chance.uniform(0, 1.5 * self.starting_s if kind == "while it starts" else self.whole_s / 4))

    def comes(self, call: Call, moment: Moment) -> bool:
        """Wait for a moment; whether it came before the call ended."""
        number = len(call.started()) + moment.jobs
        while moment.jobs and len(call.started()) < number and not call.has_ended():
            time.sleep(0.02)
        until = time.monotonic() + moment.seconds
        while time.monotonic() < until and not call.has_ended():
            time.sleep(0.02)
        return not call.has_ended()

    def kill(self, call: Call, way: str, moment: Moment) -> None:
        hit = call.running()
        outcome = WAYS[way](call, self.chance)
        if outcome == STUCK:
            self.faults.append(f"call {self.calls}: {way}: {STUCK}: {call.said()[-1000:]}")
        self.kills.append(Kill(way, tuple(hit)))
        self.say(
            f"kill {len(self.kills)}, cycle {self.cycles}, call {self.calls}, {moment}: {way}"
            f"{f' ({outcome})' if outcome else ''}; under way: {', '.join(hit)}"
        )

    def leftovers(self, place: Path) -> list[str]:
        """What should not be there at the end: processes, work that is not done, files of the dead."""
        _, alive = psutil.wait_procs(at_work(str(os.getpid())), timeout=10)
        found = [f"still at work: {process.cmdline()}" for process in alive]
        return [*found, *leavings(place)]

    def open_jobs(self, place: Path) -> list[str]:
        """What the same command would do once more."""
        call = self.call(place, "-n")
        call.process.wait(timeout=HANGS_S)
        return [] if "Nothing to be done" in call.said() else [f"not all is done: {call.said()[-2000:]}"]

    def summary(self) -> list[str]:
        ways = Counter(kill.way for kill in self.kills)
        rules = Counter(rule for kill in self.kills for rule in set(kill.hit))
        return [
            f"{len(self.kills)} kills in {self.cycles} cycles, {self.calls} calls; faults: {len(self.faults)}",
            *(f"  {count:4d}  {way}" for way, count in ways.most_common()),
            "under way:",
            *(f"  {count:4d}  {rule}" for rule, count in rules.most_common()),
            *self.faults,
        ]

    def say(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)
