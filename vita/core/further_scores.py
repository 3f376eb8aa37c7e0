"""Scores beyond the main ones, which `vita evaluate` computes where an option asks for them: columns on request.

The one list that evaluation, records, experiments and tables read. Nothing heavy is imported here.
"""

from __future__ import annotations

from typing import Literal, get_args

HotaScore = Literal["HOTA", "DetA", "AssA", "LocA"]
OcclusionScore = Literal["AP_light", "AP_medium", "AP_heavy"]
LengthScore = Literal["AP_short", "AP_long", "AP_short_long"]
AssociationScore = Literal["association", "association_optimal"]
FurtherScore = HotaScore | OcclusionScore | LengthScore | AssociationScore

# The option of `vita evaluate` that each is asked for by.
OPTIONS: dict[str, str] = {
    name: option
    for kind, option in (
        (HotaScore, "--hota"),
        (OcclusionScore, "--occlusion"),
        (LengthScore, "--long"),
        (AssociationScore, "--errors"),
    )
    for name in get_args(kind)
}
