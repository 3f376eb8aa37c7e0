"""How often tables call two equal methods different, and how often they find a difference that is there.

Run: python benchmarks/false_differences.py [--help]. Two methods, equal on average over all videos and trainings, are
trained some times each and scored on the same 30 videos; `compare`, which makes the column `verdict` of every table,
then says what it may. No masks: what a metrics file keeps is drawn at random. An object's IoU is that of its video,
of the object, of the method on this video (chance of the videos), of the training (chance of training), and noise.

A difference that is there, added to the scores and to their draws, shifts the interval by as much.

Legend: M methods (2), S trainings of each, O objects, V videos, B draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.stats import binom
from tabulate import tabulate

from vita.evaluation.bootstrap import LEVEL, resampled_scores
from vita.evaluation.counts import IOU_THRESHOLDS, Counts, GroupCounts
from vita.report.tables import chance
from vita.report.tables.row_statistics import RowDifference, RowScores, compare

VIDEOS, DRAWS, SEEDS = 30, 200, (2, 3, 4, 5)
DIFFERENCES = (2, 4, 8)  # true ones, in standard errors
MOST_FALSE = 1 - LEVEL

SIZES = {"small": 0.008, "equal": 0.03, "dominant": 0.12}
LARGE = SIZES["dominant"]


@dataclass(frozen=True)
class Scene:
    """Standard deviations of IoU by training: of each method's own, and of what seed s does to both methods alike.

    paired: how the rows are compared: as different trainings, or seed by seed as of the same weights.
    """

    name: str
    size: str
    own: tuple[float, float]
    common: float = 0.0
    paired: tuple[bool, ...] = (False,)


def _correlated(share: float) -> Scene:
    """Trainings that share a stream of samples: so much of their variance is the seed's. Tables do not pair them."""
    own = LARGE * (1 - share) ** 0.5
    return Scene(f"correlation {share:g} by seed", "dominant", (own, own), LARGE * share**0.5, (False, True))


SCENES = [
    *(Scene("different trainings", size, (own, own)) for size, own in SIZES.items()),
    *(Scene("the same weights", size, (own, own), LARGE, (True,)) for size, own in SIZES.items()),
    Scene("one method's trainings alike", "dominant", (LARGE, 0.0)),
    _correlated(0.5),
    _correlated(0.9),
]


@dataclass(frozen=True)
class Cell:
    """What tables say of many data sets with S trainings each. of_training, of_videos: standard errors, in points."""

    name: str
    size: str
    seeds: int
    found: list[RowDifference]
    of_training: float
    of_videos: float

    @property
    def false(self) -> float:
        """Share of data sets in which two equal methods are called different."""
        return float(np.mean([one.verdict in ("higher", "lower") for one in self.found]))

    def power(self, difference: float) -> float:
        """Share of data sets in which a method that is better by so many points is called better."""
        return float(np.mean([one.found.low + difference > 0 for one in self.found]))

    @property
    def error(self) -> float:
        """Standard error of a difference by both, in points."""
        return float(np.hypot(self.of_training, self.of_videos))

    @property
    def smallest(self) -> float:
        """Median of the smallest difference that tables say they could have shown."""
        return median(one.smallest_to_show or 0.0 for one in self.found)


def simulate(scene: Scene, sets: int, seeds: tuple[int, ...] = SEEDS, draws: int = DRAWS) -> Iterator[Cell]:
    """A cell for each number of trainings, the first ones of the same data sets."""
    random = np.random.default_rng(0)
    pairs = [_rows(scene, max(seeds), draws, random) for _ in range(sets)]
    for paired in scene.paired:
        for count in seeds:
            rows = [_first(pair, count, paired) for pair in pairs]
            found = [compare(*pair, "ap") for pair in rows]
            yield Cell(scene.name + (", paired" if paired else ""), scene.size, count, found, *_errors(rows))


def within_bound(false: float, sets: int, above: float = 0.001) -> bool:
    """Whether so large a share of false differences comes about with more than probability `above` when 5 % is true."""
    return false <= binom.ppf(1 - above, sets, MOST_FALSE) / sets


def main(
    sets: Annotated[int, typer.Option(min=50, help="Data sets of each scene.")] = 1500,
    draws: Annotated[int, typer.Option(min=50, help="Draws of the videos; tables make 1000.")] = DRAWS,
) -> None:
    """Print rates of false and of true differences; exit code 1 where the first exceed 5 % by more than chance."""
    cells = [cell for scene in SCENES for cell in simulate(scene, sets, draws=draws)]
    print(tabulate([_line(cell) for cell in cells], headers=_headers(), tablefmt="github", disable_numparse=True))
    missed = [cell for cell in cells if not within_bound(cell.false, sets)]
    for cell in missed:
        print(f"more than 5 %: {cell.name}, {cell.size}, {cell.seeds} trainings")
    raise typer.Exit(int(bool(missed)))


def _headers() -> list[str]:
    return [
        "rows", "chance of training", "trainings", "error by trainings", "by videos", "false [%]",
        *(f"found: {difference} errors [%]" for difference in DIFFERENCES), "smallest to show", "found [%]",
    ]  # fmt: skip


def _line(cell: Cell) -> list[str]:
    errors = [f"{cell.of_training:.1f}", f"{cell.of_videos:.1f}"]
    powers = [f"{100 * cell.power(difference * cell.error):.0f}" for difference in DIFFERENCES]
    told = [f"{cell.smallest:.1f}", f"{100 * cell.power(cell.smallest):.0f}"]
    return [cell.name, cell.size, str(cell.seeds), *errors, f"{100 * cell.false:.1f}", *powers, *told]


def _errors(rows: list[tuple[RowScores, RowScores]]) -> tuple[float, float]:
    """Root mean square over data sets of the standard errors of a difference, by trainings and by videos."""
    of_training, of_videos = [], []
    for ours, theirs in rows:
        same = ours.weights == theirs.weights
        found = chance.of_trainings(ours.observed[:, 0], theirs.observed[:, 0], same)
        of_training.append(found.error if found else np.nan)
        of_videos.append(chance.of_videos_for_all(ours.drawn[:, :, 0], theirs.drawn[:, :, 0], same, VIDEOS).error)
    return float(np.sqrt(np.mean(np.square(of_training)))), float(np.sqrt(np.mean(np.square(of_videos))))


def _first(pair: list[RowScores], count: int, paired: bool) -> tuple[RowScores, RowScores]:
    """With the first trainings alone; rows of the same weights are those whose trainings have the same names."""
    names = [tuple(f"{'ab'[method and not paired]}{seed}" for seed in range(count)) for method in range(2)]
    ours, theirs = (
        replace(row, weights=name, observed=row.observed[:count], drawn=row.drawn[:count])
        for row, name in zip(pair, names, strict=True)
    )
    return ours, theirs


def _rows(scene: Scene, seeds: int, draws: int, random: np.random.Generator) -> list[RowScores]:
    """Both methods on one set of videos."""
    video = np.sort(random.integers(VIDEOS, size=2 * VIDEOS))  # (O,) of each object
    ious = _ious(scene, seeds, video, random)
    rows = []
    for method in range(2):
        counts = [_counts(video, ious[method, seed], random) for seed in range(seeds)]
        observed, drawn = resampled_scores(counts, draws, seed=0)
        rows.append(RowScores((), tuple(range(VIDEOS)), 100 * observed, 100 * drawn))
    return rows


def _ious(scene: Scene, seeds: int, video: NDArray[np.int64], random: np.random.Generator) -> NDArray[np.float64]:
    """(M, S, O) of each object, in each training of each method."""
    shared = 0.72 + random.normal(0, 0.15, VIDEOS)[video] + random.normal(0, 0.1, video.size)
    of_method = random.normal(0, 0.1, (2, 1, VIDEOS))[:, :, video]
    own = np.array(scene.own)[:, None, None] * random.normal(size=(2, seeds, 1))
    common = scene.common * random.normal(size=(seeds, 1))
    return shared + of_method + own + common + random.normal(0, 0.05, (2, seeds, video.size))


def _counts(video: NDArray[np.int64], ious: NDArray[np.float64], random: np.random.Generator) -> Counts:
    """What a metrics file keeps: scores that follow the IoU loosely, and some wrong detections, all of one category."""
    wrong = random.integers(VIDEOS, size=VIDEOS // 2)
    scores = np.concatenate([0.5 * ious + 0.3 * random.random(video.size) + 0.2, 0.8 * random.random(wrong.size)])
    of = np.concatenate([video, wrong])
    matched = np.concatenate([ious, np.zeros(wrong.size)]) >= IOU_THRESHOLDS[:, None]
    groups = []
    for key in range(VIDEOS):
        here = np.flatnonzero(of == key)
        here = here[np.argsort(-scores[here])]
        ignored = np.zeros((len(IOU_THRESHOLDS), here.size), bool)
        groups.append(GroupCounts(key, 1, int((video == key).sum()), scores[here], matched[:, here], ignored))
    return Counts(tuple(range(VIDEOS)), (1,), tuple(groups))


if __name__ == "__main__":
    typer.run(main)
