"""Fuzz readers for minutes: `python tests/fuzzing/campaign.py --minutes 10 --target polygons --out FOLDER`.

Inputs are read in a process of their own, so that one which ends it, or hangs, is caught as such; the next process goes
on with the input after it. Prints counts; inputs that failed lie in FOLDER, with what happened.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import logging
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))  # tests/, as pytest has it

from fuzz_inputs import fuzzed
from fuzz_target import DifferenceError, Seed, Target, used

CPU_LIMIT_S, WALL_LIMIT_S = 10, 300  # of one input; the second for one that waits without end
MEMORY_LIMIT = 2**30  # bytes, beyond what the process took before
ADDRESS_LIMIT = 16 * 2**30  # bytes: of the machine more is not asked for
KEPT = 3  # inputs of one kind of failure
READ, REFUSED = "read", "refused"
TOO_LARGE = 3  # exit code of a process that took too much memory


@dataclass
class Counts:
    """What became of the inputs of one target. outcomes: read, refused, and failures by kind."""

    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    growth: int = 0  # bytes, the largest
    cpu_s: float = 0.0

    @property
    def failures(self) -> dict[str, int]:
        """By kind."""
        return {kind: count for kind, count in self.outcomes.items() if kind not in (READ, REFUSED)}

    def line(self, name: str, seed: int) -> str:
        """For people."""
        failed = "; ".join(f"{count} x {kind}" for kind, count in sorted(self.failures.items()))
        return (
            f"{name} (seed {seed}): {self.outcomes.total()} inputs, {self.outcomes[READ]} read, "
            f"{self.outcomes[REFUSED]} refused, {sum(self.failures.values())} failed, slowest {self.slowest_s:.2f} s, "
            f"memory +{self.growth / 2**20:.0f} MiB, {self.cpu_s:.0f} s of one core{': ' if failed else ''}{failed}"
        )


@dataclass(frozen=True)
class Order:
    """What is fuzzed: a target of a module's TARGETS. seconds: of one core, as is limit_s, of one input."""

    name: str
    out: Path
    module: str = "fuzz_targets"
    seed: int = 0
    seconds: float = 60.0
    inputs: int | None = None  # at most
    limit_s: int = CPU_LIMIT_S

    @property
    def target(self) -> Target:
        """The reader."""
        target: Target = importlib.import_module(self.module).TARGETS[self.name]
        return target

    def keep(self, number: int, found: Seed, text: str) -> None:
        """Store an input that failed, and what happened."""
        place = self.out / f"{self.name} {self.seed} {number}".replace(" ", "_")
        place.mkdir(parents=True, exist_ok=True)
        (place / Path(found.name).name).write_bytes(found.content)
        (place / "what.txt").write_text(text, encoding="utf-8", errors="backslashreplace")


def run(order: Order) -> Counts:
    """Fuzz one target. Raises RuntimeError when a sound file is not read."""
    counts = Counts()
    while counts.cpu_s < order.seconds:
        first, began = counts.outcomes.total(), counts.cpu_s
        words = [*map(str, astuple(replace(order, seconds=order.seconds - began))), str(first)]
        worker = subprocess.Popen([sys.executable, __file__, "--worker", *words], stdout=subprocess.PIPE, text=True)
        assert worker.stdout is not None
        is_ready = worker.stdout.readline()
        for line in worker.stdout:
            kind, taken, growth, cpu = line.rstrip("\n").rsplit("\t", 3)
            counts.outcomes[kind] += 1
            counts.slowest_s, counts.growth = max(counts.slowest_s, float(taken)), max(counts.growth, int(growth))
            counts.cpu_s = began + float(cpu)
        code = worker.wait()
        if not is_ready:
            raise RuntimeError(f"{order.name}: ended with {code} before the first input; is a sound file refused?")
        if code == 0:
            break
        if code != TOO_LARGE:
            number, ending = counts.outcomes.total(), _ending(code, order.limit_s)
            order.keep(number, _input(order, number), ending)
            counts.outcomes[ending] += 1
    return counts


def _ending(code: int, limit_s: int) -> str:
    if -code == signal.SIGPROF:
        return f"hang: more than {limit_s} s of one core"
    return f"crash: {signal.Signals(-code).name}" if code < 0 else f"crash or endless wait: exit code {code}"


def _input(order: Order, number: int) -> Seed:
    with tempfile.TemporaryDirectory() as folder:
        return fuzzed(order.target, order.target.seeds(Path(folder)), order.seed, number)


def work(order: Order, number: int) -> int:
    """Read inputs from this number on, and tell of each on standard output; the exit code of this process."""
    logging.disable(logging.CRITICAL)
    tell = os.fdopen(os.dup(1), "w", buffering=1)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_LIMIT, ADDRESS_LIMIT))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory(prefix="fuzz") as folder:
        target = order.target
        seeds = target.seeds(Path(folder))
        if not all(used(target, _written(sound, Path(folder))) for sound in seeds):
            return 1
        tell.write("ready\n")
        kinds: Counter[str] = Counter()
        base, began, spent = _peak(), time.process_time(), 0.0
        while spent < order.seconds and number != order.inputs:
            given = fuzzed(target, seeds, order.seed, number)
            kind, text, taken = _tried(target, _written(given, Path(folder)), order.limit_s)
            growth, spent = _peak() - base, time.process_time() - began
            if growth > MEMORY_LIMIT:
                kind = text = f"memory: more than {MEMORY_LIMIT >> 20} MiB"
            kinds[kind] += 1
            if kind not in (READ, REFUSED) and kinds[kind] <= KEPT:
                order.keep(number, given, text)
            tell.write(f"{kind}\t{taken}\t{growth}\t{spent}\n")
            if growth > MEMORY_LIMIT:
                return TOO_LARGE
            number += 1
    return 0


def _written(given: Seed, folder: Path) -> Path:
    path = folder / given.name
    path.unlink(missing_ok=True)  # a reader may still hold the file before
    path.write_bytes(given.content)
    return path


def _tried(target: Target, path: Path, limit_s: int) -> tuple[str, str, float]:
    """What became of a file, the traceback of a failure, and seconds of one core."""
    began = time.process_time()
    # A limit of the whole process's time counts by another clock than getrusage: after minutes they are seconds apart.
    signal.setitimer(signal.ITIMER_PROF, limit_s)
    faulthandler.dump_traceback_later(WALL_LIMIT_S, exit=True)
    try:
        kind, text = READ if used(target, path) else REFUSED, ""
    except Exception as error:  # whatever a reader raises that is no refusal is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        text = traceback.format_exc()
        kind = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"
        if isinstance(error, DifferenceError):
            kind = f"difference: {str(error)[:60]!r}"
    signal.setitimer(signal.ITIMER_PROF, 0)
    faulthandler.cancel_dump_traceback_later()
    return kind, text, time.process_time() - began


def _peak() -> int:
    """Bytes, the most that this process has taken so far; getrusage would also count the process that began it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def main() -> None:
    """Print a line of counts for each target; exit code 1 when any failed."""
    if sys.argv[1:2] == ["--worker"]:
        name, out, module, seed, seconds, inputs, limit_s, number = sys.argv[2:]
        most = None if inputs == "None" else int(inputs)
        order = Order(name, Path(out), module, int(seed), float(seconds), most, int(limit_s))
        sys.exit(work(order, int(number)))
    from fuzz_targets import TARGETS

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="of one core, for each target")
    parser.add_argument("--target", action="append", choices=TARGETS, help="all when none is named")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("fuzz_failures"), help="folder for inputs that failed")
    asked = parser.parse_args()
    failed = False
    for name in asked.target or TARGETS:
        counts = run(Order(name, asked.out, seed=asked.seed, seconds=60 * asked.minutes))
        print(counts.line(name, asked.seed), flush=True)
        failed |= bool(counts.failures)
    sys.exit(failed)


if __name__ == "__main__":
    main()
