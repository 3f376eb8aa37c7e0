"""How processor time grows with the size of what is given: from one to sixteen times, no worse than in proportion.

Run: python benchmarks/growth.py [--help]. Each job at each size runs in a process of its own, after a call at the
smallest size, so that imports and compiled code do not count. The exponent is the slope of a line through the
logarithms of size and time: 1 is in proportion, 2 is quadratic; the exponent of the last doubling stands beside it, in
which fixed costs weigh least. Processor time hardly depends on what else the machine does; of several repetitions the
least counts.

Legend: T frames.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from growth_jobs import JOBS, Job
from tabulate import tabulate

SIZES = (1, 2, 4, 8, 16)
BOUND = 1.1  # of the exponent


def main(
    job: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(JOBS)}; may be repeated. Default: all.")
    ] = None,
    run: Annotated[
        Path, typer.Option(help="Folder of a finished run, from which those of the tables are made.")
    ] = Path("results/runs/smoke/shapes/vita/tiny/base/seed0"),
    repetitions: Annotated[int, typer.Option(min=1, help="Of each size.")] = 3,
    folder: Annotated[Path | None, typer.Option(help="Where files lie meanwhile.")] = None,
) -> None:
    """Time all jobs at all sizes; exit with 1 when an exponent exceeds its bound."""
    unknown = set(job or ()) - JOBS.keys()
    if unknown:
        raise typer.BadParameter(f"{sorted(unknown)[0]} is none of {', '.join(JOBS)}")
    rows, exceeded = [], False
    for name in job or JOBS:
        told = [[_in_own_process(name, size, run, folder) for size in SIZES] for _ in range(repetitions)]
        taken = np.min(told, axis=0)
        whole, last = exponent(SIZES, taken), exponent(SIZES[-2:], taken[-2:])
        exceeded |= whole > BOUND
        rows.append([name, JOBS[name].unit, *taken, whole, last])
        print(f"{name}: exponent {whole:.2f}", file=sys.stderr)
    headers = ["job", "unit", *(f"{size}x [s]" for size in SIZES), "exponent", "of the last doubling"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".2f"))
    raise typer.Exit(int(exceeded))


def exponent(sizes: tuple[int, ...], taken: np.ndarray) -> float:
    """The slope of the line of least squares through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(taken), 1)[0])


def _in_own_process(name: str, size: int, run: Path, folder: Path | None) -> float:
    asked = json.dumps([name, size, str(run), str(folder) if folder else None])
    ended = subprocess.run([sys.executable, __file__, "--one", asked], stdout=subprocess.PIPE, check=True, text=True)
    return float(ended.stdout.splitlines()[-1])


def one(name: str, size: int, run: str, folder: str | None) -> float:
    """Seconds of processors that the job takes in this process and its children."""
    job: Job = JOBS[name]
    with tempfile.TemporaryDirectory(dir=folder) as place:
        small, large = (
            job.prepare(number, Path(place) / key, Path(run)) for number, key in ((1, "small"), (size, "large"))
        )
        small()
        began = _processor_seconds()
        large()
        return _processor_seconds() - began


def _processor_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(one(*json.loads(sys.argv[2])))
    else:
        typer.run(main)
