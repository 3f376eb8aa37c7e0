"""What the scores beyond average precision cost: time and memory of `vita evaluate` with each option, beside none.

Run: python benchmarks/further_scores.py [--help]. The case is the OVIS-like one of evaluator.py, with labels of
occlusion drawn for every object and frame. Each option has a process of its own, one after the other, and all of them
again in every repetition; medians are printed. Processor time hardly depends on what else the machine does. Memory is
what Linux says that the process held at most (VmHWM).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from evaluator import OVIS, SMALL
from evaluator_cases import Case, CaseFiles, write_case
from tabulate import tabulate

LABELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")
OPTIONS: dict[str, list[str]] = {
    "none": [],
    "--hota": ["--hota"],
    "--occlusion": ["--occlusion"],
    "--long": ["--long", "LONG"],
    "--errors": ["--errors"],
}
# In a process of its own: the command on the small case, so that compiled code does not count, then on the other.
# Prints seconds on the clock, seconds of processors, and bytes that the process held at most.
MEASURE = """
import contextlib, io, sys, time
from vita.cli.main import app
small, large = sys.argv[1].split(), sys.argv[2].split()
with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
    app(["evaluate", *small], standalone_mode=False)
    clock, processor = time.perf_counter(), time.process_time()
    app(["evaluate", *large], standalone_mode=False)
used = time.perf_counter() - clock, time.process_time() - processor
most = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(*used, int(most.split()[1]) * 1024)
"""


def labelled(case: Case, folder: Path) -> tuple[CaseFiles, Path]:
    """The files of a case, its objects with labels of occlusion, and a list of every third video as the long ones."""
    files = write_case(case, folder)
    truth, long = folder / f"{case.name}_labelled.json", folder / f"{case.name}_long.json"
    content = json.loads(files.ground_truth.read_text())
    random = np.random.default_rng(0)
    for annotation in content["annotations"]:
        shares = random.dirichlet([1, 1, 1])
        annotation["occlusion"] = random.choice(LABELS, case.frames, p=shares).tolist()
    truth.write_text(json.dumps(content))
    long.write_text(json.dumps([video["id"] for video in content["videos"]][::3]))
    return CaseFiles(truth, files.predictions), long


def measure(options: list[str], cases: list[tuple[CaseFiles, Path]]) -> tuple[float, float, float]:
    """Seconds on the clock, seconds of processors, and bytes, of the last of the cases."""
    lines = [
        " ".join(
            ["--gt", str(files.ground_truth), "--pred", str(files.predictions)]
            + [str(long) if option == "LONG" else option for option in options]
        )
        for files, long in cases
    ]
    done = subprocess.run([sys.executable, "-c", MEASURE, *lines], capture_output=True, text=True, check=True)
    clock, processor, memory = map(float, done.stdout.split())
    return clock, processor, memory


def main(
    folder: Annotated[Path | None, typer.Option(help="Keeps the files of the cases; a path without spaces.")] = None,
    small: Annotated[bool, typer.Option(help="A tiny case: only whether every option runs.")] = False,
    repetitions: Annotated[int, typer.Option(min=1, help="Medians are printed.")] = 3,
) -> None:
    """Print time and memory of every option."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        first = SMALL[1][0]
        cases = [labelled(case, place) for case in (first, first if small else OVIS)]
        runs = [{name: measure(options, cases) for name, options in OPTIONS.items()} for _ in range(repetitions)]
    plain = median(run["none"][1] for run in runs)
    rows = []
    for name in OPTIONS:
        clock, processor, memory = (median(run[name][place] for run in runs) for place in range(3))
        rows.append([name, clock, processor, processor / plain, memory / 2**20])
    headers = ["option", "clock [s]", "processors [s]", "times none", "most memory [MiB]"]
    print(tabulate(rows, headers, tablefmt="github", floatfmt=".3g"))


if __name__ == "__main__":
    typer.run(main)
