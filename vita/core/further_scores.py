"""Scores beyond the main ones, which `vita evaluate` computes where an option asks for them: columns on request.

The one list that evaluation, records, experiments and tables read. Nothing heavy is imported here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

HotaScore = Literal["HOTA", "DetA", "AssA", "LocA"]
OcclusionScore = Literal["AP_light", "AP_medium", "AP_heavy"]
LengthScore = Literal["AP_short", "AP_long", "AP_short_long"]
AssociationScore = Literal["association", "association_optimal"]
FurtherScore = Literal[HotaScore, OcclusionScore, LengthScore, AssociationScore]
ScoreColumns = tuple[FurtherScore, ...]


@dataclass(frozen=True)
class FurtherKind:
    """Scores that come together. option: of `vita evaluate`, which asks for them.  meaning: for readers of tables."""

    scores: tuple[str, ...]
    option: str
    meaning: str


def _kind(scores: Any, option: str, meaning: str) -> FurtherKind:
    return FurtherKind(get_args(scores), option, meaning)


LENGTHS = _kind(
    LengthScore,
    "--long",
    "AP of the short videos, of the long ones, and the mean of the two (short long), as YouTube-VIS 2022 has them.",
)
KINDS = (
    _kind(HotaScore, "--hota", "on masks, mean over categories, of all predicted tracks whatever their score."),
    _kind(OcclusionScore, "--occlusion", "AP by degree of occlusion of the object, as the authors of OVIS group them."),
    LENGTHS,
    _kind(
        AssociationScore,
        "--errors",
        "AP that linking the predicted masks anew would give back, by the oracle of the error analysis and by an "
        "optimal assignment in every frame.",
    ),
)


def kinds_of(scores: Iterable[str]) -> list[FurtherKind]:
    """The kinds that some of these scores are of, in their order."""
    return [kind for kind in KINDS if set(scores) & set(kind.scores)]
