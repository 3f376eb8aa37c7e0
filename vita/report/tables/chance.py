"""Chance in a difference of two rows: of the videos that were drawn, and of the trainings that were run.

Scores of trainings on one set of videos are an analysis of two factors, as readers and cases are where diagnostic
tests are compared (Obuchowski and Rockette 1995; Hillis 2007). What the draws of all trainings have in common is
chance of the videos. What is each training's own, on these videos, shows in the spread between trainings.

Legend: S trainings of one row, S' of the other, B draws of the videos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, norm
from scipy.stats import t as student

from vita.evaluation.bootstrap import LEVEL

FEWEST_TRAININGS = 2  # of either row; one has no spread
VIDEOS_PER_DEGREE = 3  # of freedom: simulated variances scatter by 0.44 with 30 videos, where 29 degrees give 0.26
POWER = 0.8  # share of experiments that show the smallest difference which a table states

_SMALLEST_P = 1e-9
_SHARES = (np.arange(40) + 0.5) / 40  # at which the distribution of an estimated error is looked at


@dataclass(frozen=True)
class Chance:
    """One source of chance in a difference. error: its standard error.  freedom: degrees of freedom of that."""

    error: float
    freedom: float

    def half(self, p: float = 1 - LEVEL) -> float:
        """Half of the t interval that leaves out the truth in a share `p` of cases."""
        return float(student.isf(p / 2, self.freedom) * self.error)


def half_width(sources: Sequence[Chance], p: float = 1 - LEVEL) -> float:
    """Half of the interval over independent sources: the root of the sum of the squares of their own halves.

    Of normal scores it leaves out the truth in a share `p` of cases where one source dominates, and in fewer where
    several are alike.
    """
    return float(np.linalg.norm([source.half(p) for source in sources]))


def two_sided_p(difference: float, sources: Sequence[Chance]) -> float:
    """The share at which the interval just reaches 0."""
    if not any(source.error for source in sources):
        return 0.0 if difference else 1.0
    if half_width(sources, _SMALLEST_P) <= abs(difference):
        return _SMALLEST_P
    return float(brentq(lambda p: half_width(sources, p) - abs(difference), _SMALLEST_P, 1.0))


def smallest_to_show(sources: Sequence[Chance]) -> float:
    """The true difference that four such experiments of five would show, if the errors are what they seem to be.

    An experiment shows it when its difference exceeds half of its interval. Both vary: the difference by all errors,
    and the interval because each experiment knows each error from its own few trainings and videos. Not all errors
    may be 0.
    """
    half = np.zeros(1)
    for source in sources:
        spread = chi2.ppf(_SHARES, source.freedom) / source.freedom
        half = np.hypot(half[:, None], source.half() * np.sqrt(spread)).ravel()
    error = float(np.linalg.norm([source.error for source in sources]))

    def surplus(difference: float) -> float:
        return float(norm.cdf((difference - half) / error).mean()) - POWER

    return float(brentq(surplus, 0.0, half.max() + 3 * error))


def of_trainings(ours: NDArray[np.float64], theirs: NDArray[np.float64], same: bool) -> Chance | None:
    """From the scores (S,) and (S',); None where a row has one training. same: of the same weights, in their order.

    The same weights are paired. Different trainings are two groups of unequal spread, with the degrees of freedom of
    Welch: also where one method's trainings agree and the other's do not, false differences stay at their share.
    """
    if min(len(ours), len(theirs)) < FEWEST_TRAININGS:
        return None
    groups = [ours - theirs] if same else [ours, theirs]
    variances = np.array([group.var(ddof=1) / len(group) for group in groups])
    freedom = np.array([len(group) - 1 for group in groups])
    whole, parts = variances.sum(), (variances**2 / freedom).sum()
    return Chance(float(np.sqrt(whole)), float(whole**2 / parts) if parts else float(freedom.sum()))


def of_videos(ours: NDArray[np.float64], theirs: NDArray[np.float64], videos: int) -> Chance:
    """Of the difference between the means of these very trainings, from draws (S, B) and (S', B)."""
    return _chance(np.var(ours.mean(axis=0) - theirs.mean(axis=0), ddof=1), videos)


def of_videos_for_all(ours: NDArray[np.float64], theirs: NDArray[np.float64], same: bool, videos: int) -> Chance:
    """What videos do to all trainings alike: as `of_videos`, without what is each training's own.

    Covariances between different trainings; those of one with itself are left out, since their chance is counted
    among that of trainings. Two or more trainings of either row.
    """
    if same:
        return _chance(_between_trainings(np.cov(ours - theirs)), videos)
    covariances, count = np.cov(np.concatenate([ours, theirs])), len(ours)
    within = _between_trainings(covariances[:count, :count]) + _between_trainings(covariances[count:, count:])
    return _chance(within - 2 * covariances[:count, count:].mean(), videos)


def share_of_all(drawn: NDArray[np.float64]) -> float:
    """Of the spread of a mean over the draws (S, B), the share that the videos do to all trainings alike."""
    covariances = np.cov(drawn)
    whole = covariances.mean()
    return float(np.sqrt(min(1.0, max(0.0, _between_trainings(covariances)) / whole))) if whole > 0 else 1.0


def _between_trainings(covariances: NDArray[np.float64]) -> float:
    """Their mean off the diagonal, of (S, S)."""
    count = len(covariances)
    return float((covariances.sum() - np.trace(covariances)) / (count * (count - 1)))


def _chance(variance: float, videos: int) -> Chance:
    """Draws of V videos vary by (V - 1) / V of what other videos would; an estimate below 0 says that there is none.

    Average precision weighs videos unevenly, so that fewer than V tell how far they differ.
    """
    return Chance(float(np.sqrt(max(0.0, variance) * videos / (videos - 1))), (videos - 1) / VIDEOS_PER_DEGREE)
