"""The main scores: the one list that evaluation, intervals, tables, claims and the files of servers read.

One score more is one field more of `MainScores`. Nothing heavy is imported here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, get_type_hints


@dataclass(frozen=True)
class Measure:
    """What a score is the mean of, over all categories with objects.

    iou: the IoU threshold that counts, one of the evaluator's ten; None: the mean over all ten.
    detections: for recall, how many detections of one (video, category) count, one of the evaluator's limits; None: the
    score is average precision.  official: whether the official evaluator has it, and so servers and papers.
    """

    iou: float | None = None
    detections: int | None = None
    official: bool = True


@dataclass(frozen=True)
class MainScores:
    """Fractions in [0, 1]; -1 when there is no ground truth to find."""

    ap: Annotated[float, Measure()]
    ap50: Annotated[float, Measure(iou=0.5)]
    ap75: Annotated[float, Measure(iou=0.75)]
    ar1: Annotated[float, Measure(detections=1)]
    ar10: Annotated[float, Measure(detections=10)]


MEASURES: dict[str, Measure] = {
    name: hint.__metadata__[0] for name, hint in get_type_hints(MainScores, include_extras=True).items()
}
SCORE_NAMES = tuple(MEASURES)  # fields of `MainScores`, and keys of records
SCORES = tuple(name.upper() for name in SCORE_NAMES)  # columns of tables
OFFICIAL_SCORES = tuple(name.upper() for name, measure in MEASURES.items() if measure.official)
