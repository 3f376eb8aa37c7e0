"""Scores of `vita evaluate` under the names that detectron2 prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def scores_of(metrics: Mapping[str, Any]) -> dict[str, float]:
    """What a metrics file says, in points: AP, AP50, ..., APs (small), AR1, ...; NaN where there is no object to find.

    `AP_low` and `AP_high` are the 95 % interval of AP over drawn videos. A category's AP stands under `AP-` and its
    name: detectron2 leaves names with a hyphen out of its short tables.
    """
    scores = {_printed(name): _points(score) for name, score in metrics["scores"].items()}
    low, high = metrics.get("intervals", {}).get("ap", (None, None))
    bounds = {"AP_low": _points(low), "AP_high": _points(high)}
    return {**scores, **bounds, **{f"AP-{one['name']}": _points(one["ap"]) for one in metrics["per_category"]}}


def _printed(name: str) -> str:
    score, _, size = name.partition("_")
    return score.upper() + size[:1]


def _points(fraction: float | None) -> float:
    return math.nan if fraction is None else 100 * fraction
