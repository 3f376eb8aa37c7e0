"""How fast tracks are scored, beside a plain reference in the same run, and that all numbers are equal.

Run: python benchmarks/evaluator.py [--help]. Compile time is left out and stated by itself. The phases are timed
one after the other; `total` is one call of `evaluate_files`. `ratio` is of seconds on the clock. `CPU ratio` is of
processor time: it does not count the second core for us, and hardly depends on what else the machine does.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated

import numpy as np
import typer
from evaluator_cases import Case, CaseFiles, write_case
from evaluator_reference import Reference, Stopwatch, score_plainly
from tabulate import tabulate

from vita.core.threads import usable_cores
from vita.evaluation.readers.detections import read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.scoring import Evaluation, accumulate, evaluate_files
from vita.evaluation.video_groups import DecodedVideo, Group, decode_video, group_tracks

PHASES = ("reading JSON", "decoding", "IoU", "matching", "accumulating")
IOU, TOTAL = "IoU with decoding", "total"
# The official order of the twelve numbers, as the reference gives them.
SCORES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
SCORES += ("ar1", "ar10", "ar100", "ar_small", "ar_medium", "ar_large")


@dataclass(frozen=True)
class Floors:
    """How many times as fast as the reference ours must be."""

    iou_with_decoding: float
    total: float


SINGLE = Case("single_category", videos=12, frames=30, categories=1, objects=10, predictions=100)
OVIS = Case("ovis_like", videos=140, frames=60, categories=25, objects=5, predictions=20)
FULL = [(SINGLE, Floors(10, 4)), (OVIS, Floors(4, 2))]
SMALL = [
    (Case("small_single_category", 2, 4, 1, 3, 6, height=90, width=160), Floors(0, 0)),
    (Case("small_ovis_like", 4, 5, 3, 3, 6, height=90, width=160), Floors(0, 0)),
]


def in_phases(files: CaseFiles) -> Stopwatch:
    """The work of `evaluate_files`, each phase finished before the next begins, and then `evaluate_files` itself."""
    seconds = Stopwatch()
    _one_by_one(files, seconds)
    seconds.timed(TOTAL, evaluate_files, files.ground_truth, files.predictions)
    return seconds


def _one_by_one(files: CaseFiles, seconds: Stopwatch) -> None:
    truth, groups = seconds.timed("reading JSON", _read, files)
    with ThreadPoolExecutor(usable_cores()) as pool:
        sizes = [truth.videos[found[0].video_id] for found in groups]
        decoded = seconds.timed("decoding", lambda: list(pool.map(decode_video, groups, sizes)))
        ious = seconds.timed("IoU", lambda: list(pool.map(DecodedVideo.ious, decoded)))
        matched = seconds.timed("matching", lambda: list(pool.map(DecodedVideo.matches, decoded, ious)))
    seconds.timed("accumulating", lambda: accumulate(truth, list(chain.from_iterable(matched))))


def _read(files: CaseFiles) -> tuple[GroundTruth, list[list[Group]]]:
    truth = load_ground_truth(files.ground_truth)
    groups = group_tracks(truth, read_detections_file(files.predictions, truth))
    return truth, [found for found in groups if found]


def differences(ours: Evaluation, reference: Reference) -> list[str]:
    """What is not equal to the last bit."""
    found = [name for name, score in zip(SCORES, reference.scores, strict=True) if getattr(ours.scores, name) != score]
    compared = {(group.video_id, group.category_id): group.ious for group in ours.groups}
    for key, ious in reference.ious.items():
        if ious.size and not (key in compared and np.array_equal(compared[key], ious)):
            found.append(f"IoUs of video {key[0]}, category {key[1]}")
    return found


def durations(phases: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each line of the table."""
    total = phases.get(TOTAL, sum(phases.values()))
    return {**{phase: phases[phase] for phase in PHASES}, IOU: phases["decoding"] + phases["IoU"], TOTAL: total}


def medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of each line over several runs."""
    return {name: median(run[name] for run in runs) for name in runs[0]}


def compare(case: Case, floors: Floors, folder: Path, repetitions: int) -> bool:
    """Print the table of one case; whether the numbers are equal and the floors held."""
    files = write_case(case, folder)
    runs = [in_phases(files) for _ in range(repetitions)]
    reference = score_plainly(files.ground_truth, files.predictions)
    clock, processor = (medians([durations(getattr(run, kind)) for run in runs]) for kind in ("clock", "processor"))
    theirs, their_work = durations(reference.seconds.clock), durations(reference.seconds.processor)
    bounds = {IOU: floors.iou_with_decoding, TOTAL: floors.total}
    rows = [
        [name, theirs[name], clock[name], their_work[name] / processor[name], theirs[name] / clock[name]]
        for name in (*PHASES, IOU, TOTAL)
    ]
    sizes = [path.stat().st_size / 1e6 for path in (files.ground_truth, files.predictions)]
    print(f"\n{case.name}: {case.videos} videos of {case.frames} frames of {case.height} x {case.width}, ", end="")
    print(f"{case.categories} categories, {case.objects} objects and {case.predictions} predictions a video")
    print(f"files of {sizes[0]:.0f} MB and {sizes[1]:.0f} MB; {sum(i.size for i in reference.ious.values())} pairs\n")
    headers = ["phase", "reference [s]", "ours [s]", "CPU ratio", "ratio", "floor"]
    table = [[*row, bounds.get(str(row[0]))] for row in rows]
    print(tabulate(table, headers, tablefmt="github", floatfmt=".3g"))
    unequal = differences(evaluate_files(files.ground_truth, files.predictions), reference)
    print(f"\nequal: 12 scores, {len(reference.ious)} matrices of IoUs" if not unequal else f"\nUNEQUAL: {unequal}")
    return not unequal and all(theirs[name] / clock[name] >= bound for name, bound in bounds.items())


def main(
    folder: Annotated[Path | None, typer.Option(help="Keeps the files of the cases for the next run.")] = None,
    small: Annotated[bool, typer.Option(help="Tiny cases without floors: only whether the numbers are equal.")] = False,
    repetitions: Annotated[int, typer.Option(min=1, help="Of ours; medians are printed.")] = 3,
) -> None:
    """Time the evaluator against the reference; exit with 1 when a number differs or a floor is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        began = time.perf_counter()
        in_phases(write_case(SMALL[0][0], place))
        seconds = time.perf_counter() - began
        print(
            f"{usable_cores()} core(s); compiling, or loading what an earlier run compiled: {seconds:.1f} s, left out"
        )
        held = [compare(case, floors, place, repetitions) for case, floors in (SMALL if small else FULL)]
    raise typer.Exit(int(not all(held)))


if __name__ == "__main__":
    typer.run(main)
