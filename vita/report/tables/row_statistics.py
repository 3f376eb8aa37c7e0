"""Scores of a table's rows under resampling: intervals of their means over seeds, and differences between rows.

The videos are drawn anew, the same draws for all rows on the same videos, so that differences are paired. What
trainings add is in the spread between seeds: `chance.py` has both, and one interval holds them.

Legend: S seeds, B draws; five main scores, in points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from vita.core.contract import UserError
from vita.core.records import MetricsRecord, read_record
from vita.evaluation.bootstrap import (
    DRAWS,
    FEWEST_VIDEOS,
    LEVEL,
    Interval,
    reflected,
    resampled_scores,
    videos_with_objects,
)
from vita.evaluation.counts import Counts
from vita.evaluation.main_scores import SCORE_NAMES
from vita.report.tables import chance

SEEDS_OF_MEAN = 3  # from so many on, the interval of a mean holds other trainings too

_SEED_OF_DRAWS = 0

Verdict = Literal[
    "higher", "lower", "inside the noise", "too few trainings", "too few videos", "one training each", "one video"
]


@dataclass(frozen=True)
class RowScores:
    """What a row's runs scored. weights: the folder of each seed's run.  shown: videos with an object; None: all."""

    weights: tuple[str, ...]
    videos: tuple[int, ...]
    observed: NDArray[np.float64]  # (S, 5)
    drawn: NDArray[np.float64]  # (S, B, 5)
    shown: int | None = None

    @property
    def videos_that_count(self) -> int:
        """Videos with an object; without one a video says nothing of how well objects are found."""
        return len(self.videos) if self.shown is None else self.shown


@dataclass(frozen=True)
class RowDifference:
    """A row's mean less the reference's. `found` is in points, its interval without ends where there is one video.

    sources: of chance, which the interval holds: of the videos, and of trainings where both rows have two or more. With
    one source the interval is of these trainings alone, on other videos.  decides: whether a difference could be shown,
    if it were large enough.
    """

    found: Interval
    verdict: Verdict
    sources: tuple[chance.Chance, ...]
    decides: bool

    @property
    def p(self) -> float:
        """Two-sided; NaN without an interval."""
        return chance.two_sided_p(self.found.score, self.sources) if self.sources else np.nan

    @property
    def smallest_to_show(self) -> float | None:
        """The true difference that four such experiments of five would show; None without a spread to tell it from."""
        has_spread = self.decides and any(source.error for source in self.sources)
        return chance.smallest_to_show(self.sources) if has_spread else None


def read_row_scores(runs: Sequence[tuple[str, Path]]) -> RowScores:
    """runs: the folder and the metrics file of each seed. Raises UserError naming a file without counts."""
    parts = [_of_file(path) for _, path in runs]
    if len({counts.video_ids for counts, _, _ in parts}) > 1:
        raise UserError(f"{runs[0][1]} and {runs[1][1]} are of different videos; evaluate both on the same")
    observed, drawn = np.stack([part[1] for part in parts]), np.stack([part[2] for part in parts])
    counts = parts[0][0]
    weights = tuple(folder for folder, _ in runs)
    return RowScores(weights, counts.video_ids, observed, drawn, videos_with_objects(counts))


def compare(row: RowScores, reference: RowScores, score: str) -> RowDifference | None:
    """Difference of the means of a main score ("ap", ...), with what may be said of it.

    None when the two were scored on different videos, or where there is no ground truth.
    """
    if row.videos != reference.videos:
        return None
    column, same, videos = SCORE_NAMES.index(score), row.weights == reference.weights, row.videos_that_count
    ours, theirs = row.observed[:, column], reference.observed[:, column]
    value = float(ours.mean() - theirs.mean())
    drawn = _defined(row.drawn[:, :, column], reference.drawn[:, :, column])
    if np.isnan(value) or not drawn[0].size:
        return None
    if videos < FEWEST_VIDEOS:
        return RowDifference(Interval(value, np.nan, np.nan), "one video", (), decides=False)
    sources = _sources(ours, theirs, drawn, same, videos)
    half = chance.half_width(sources)
    found, decides = Interval(value, value - half, value + half), same or len(sources) > 1
    if decides:
        return RowDifference(found, _verdict(value, sources), sources, decides)
    each = len(ours) == len(theirs)
    return RowDifference(found, "one training each" if each else "too few trainings", sources, decides)


def _sources(
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
    drawn: Sequence[NDArray[np.float64]],
    same: bool,
    videos: int,
) -> tuple[chance.Chance, ...]:
    """Of the videos, and of trainings where both rows have two or more."""
    trainings = chance.of_trainings(ours, theirs, same)
    if trainings is None:
        return (chance.of_videos(drawn[0], drawn[1], videos),)
    return chance.of_videos_for_all(drawn[0], drawn[1], same, videos), trainings


def _verdict(value: float, sources: tuple[chance.Chance, ...]) -> Verdict:
    """What is missing is named where the difference exceeds two standard errors, and the interval holds 0 only
    because these errors are themselves known from few trainings, or few videos.
    """
    if abs(value) > chance.half_width(sources):
        return "higher" if value > 0 else "lower"
    errors = [source.error for source in sources]
    if abs(value) <= norm.ppf(0.5 + LEVEL / 2) * np.linalg.norm(errors):
        return "inside the noise"
    widest = max(sources, key=lambda source: source.half())
    return "too few videos" if widest is sources[0] else "too few trainings"


def mean_interval(row: RowScores, score: str) -> Interval | None:
    """Of the mean over seeds of a main score ("ap", ...); None with fewer than two videos or without ground truth.

    Of the videos, reflected at the mean; from three seeds on with the t interval over seeds, in quadrature.
    """
    column = SCORE_NAMES.index(score)
    scores, drawn = row.observed[:, column], row.drawn[:, :, column]
    drawn = drawn[:, ~np.isnan(drawn).any(axis=0)]
    mean = float(scores.mean())
    if row.videos_that_count < FEWEST_VIDEOS or np.isnan(mean) or not drawn.size:
        return None
    videos = reflected(mean, drawn.mean(axis=0), highest=100.0)
    if len(scores) < SEEDS_OF_MEAN:
        return videos
    of_seeds = chance.Chance(float(scores.std(ddof=1)) / len(scores) ** 0.5, len(scores) - 1).half()
    share = chance.share_of_all(drawn)
    low, high = (np.hypot(share * (end - mean), of_seeds) for end in (videos.low, videos.high))
    return Interval(mean, max(0.0, mean - float(low)), min(100.0, mean + float(high)))


def _defined(*rows: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Draws (S, B) of several rows without those that have no ground truth."""
    defined = ~np.isnan(np.concatenate(rows)).any(axis=0)
    return [row[:, defined] for row in rows]


@cache
def _of_file(path: Path) -> tuple[Counts, NDArray[np.float64], NDArray[np.float64]]:
    """The counts, the main scores (5,) and their draws (B, 5), in points."""
    try:
        counts = Counts.from_json(read_record(MetricsRecord, path).counts)
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{path}: {error}") from None
    (observed,), (drawn,) = resampled_scores([counts], DRAWS, _SEED_OF_DRAWS)
    return counts, 100 * observed, 100 * drawn
