"""How fast tracks are scored, beside a plain reference in the same run, and that all numbers are equal.

Run: python benchmarks/evaluator.py [--help]. Seconds on the clock; compile time is left out and stated by itself. The
phases are timed one after the other; `total` is one call of `evaluate_files`, where reading, decoding, IoU and matching
overlap.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from evaluator_cases import Case, CaseFiles, write_case
from evaluator_reference import Reference, score_plainly
from tabulate import tabulate

from vita.evaluation.detections import read_detections_file
from vita.evaluation.evaluate import Evaluation, accumulate, evaluate_files
from vita.evaluation.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.groups import DecodedVideo, Group, decode_video, group_tracks
from vita.evaluation.track_pieces import thread_count

PHASES = ("reading JSON", "decoding", "IoU", "matching", "accumulating")
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


def in_phases(files: CaseFiles) -> tuple[dict[str, float], Evaluation]:
    """The work of `evaluate_files`, each phase finished before the next begins; seconds of each."""
    seconds: dict[str, float] = {}

    def timed(phase: str, work: Callable[..., Any], *inputs: Any) -> Any:
        began = time.perf_counter()
        result = work(*inputs)
        seconds[phase] = time.perf_counter() - began
        return result

    truth, groups = timed("reading JSON", _read, files)
    with ThreadPoolExecutor(thread_count()) as pool:
        sizes = [truth.videos[found[0].video_id] for found in groups]
        decoded = timed("decoding", lambda: list(pool.map(decode_video, groups, sizes)))
        ious = timed("IoU", lambda: list(pool.map(DecodedVideo.ious, decoded)))
        matched = timed("matching", lambda: list(pool.map(DecodedVideo.matches, decoded, ious)))
    result = timed("accumulating", lambda: accumulate(truth, list(chain.from_iterable(matched))))
    return seconds, result


def _read(files: CaseFiles) -> tuple[GroundTruth, list[list[Group]]]:
    truth = load_ground_truth(files.ground_truth)
    groups = group_tracks(truth, read_detections_file(files.predictions, truth))
    return truth, [found for found in groups if found]


def total_seconds(files: CaseFiles) -> tuple[float, Evaluation]:
    """One call of `evaluate_files`."""
    began = time.perf_counter()
    result = evaluate_files(files.ground_truth, files.predictions)
    return time.perf_counter() - began, result


def differences(ours: Evaluation, reference: Reference) -> list[str]:
    """What is not equal to the last bit."""
    found = [name for name, score in zip(SCORES, reference.scores, strict=True) if getattr(ours.scores, name) != score]
    compared = {(group.video_id, group.category_id): group.ious for group in ours.groups}
    for key, ious in reference.ious.items():
        if ious.size and not (key in compared and np.array_equal(compared[key], ious)):
            found.append(f"IoUs of video {key[0]}, category {key[1]}")
    return found


def compare(case: Case, floors: Floors, folder: Path, repetitions: int) -> bool:
    """Print the table of one case; whether the numbers are equal and the floors held."""
    files = write_case(case, folder)
    runs, totals = [], []
    for _ in range(repetitions):
        runs.append(in_phases(files)[0])
        total, ours = total_seconds(files)
        totals.append(total)
    reference = score_plainly(files.ground_truth, files.predictions)
    mine = {phase: median(run[phase] for run in runs) for phase in PHASES}
    rows: list[tuple[str, float, float, float | None]] = [
        (phase, reference.seconds[phase], mine[phase], None) for phase in PHASES
    ]
    iou = [sum(seconds[phase] for phase in ("decoding", "IoU")) for seconds in (reference.seconds, mine)]
    rows.append(("IoU with decoding", iou[0], iou[1], floors.iou_with_decoding))
    rows.append(("total", sum(reference.seconds.values()), median(totals), floors.total))
    table = [[phase, theirs, own, theirs / own, floor] for phase, theirs, own, floor in rows]
    sizes = [path.stat().st_size / 1e6 for path in (files.ground_truth, files.predictions)]
    print(f"\n{case.name}: {case.videos} videos of {case.frames} frames of {case.height} x {case.width}, ", end="")
    print(f"{case.categories} categories, {case.objects} objects and {case.predictions} predictions a video")
    print(f"files of {sizes[0]:.0f} MB and {sizes[1]:.0f} MB; {sum(i.size for i in reference.ious.values())} pairs\n")
    print(tabulate(table, ["phase", "reference [s]", "ours [s]", "ratio", "floor"], tablefmt="github", floatfmt=".3g"))
    unequal = differences(ours, reference)
    print(f"\nequal: 12 scores, {len(reference.ious)} matrices of IoUs" if not unequal else f"\nUNEQUAL: {unequal}")
    return not unequal and all(row[3] >= (row[4] or 0) for row in table)


def main(
    folder: Annotated[Path | None, typer.Option(help="Keeps the files of the cases for the next run.")] = None,
    small: Annotated[bool, typer.Option(help="Tiny cases without floors: only whether the numbers are equal.")] = False,
    repetitions: Annotated[int, typer.Option(min=1, help="Of ours; medians are printed.")] = 3,
) -> None:
    """Time the evaluator against the reference; exit with 1 when a number differs or a floor is missed."""
    with tempfile.TemporaryDirectory() as temporary:
        place = folder or Path(temporary)
        seconds = total_seconds(write_case(SMALL[0][0], place))[0]
        print(
            f"{thread_count()} core(s); compiling, or loading what an earlier run compiled: {seconds:.1f} s, left out"
        )
        held = [compare(case, floors, place, repetitions) for case, floors in (SMALL if small else FULL)]
    raise typer.Exit(int(not all(held)))


if __name__ == "__main__":
    typer.run(main)
