"""How long one iteration or one frame will take, from the nearest of what was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean, median
from typing import Literal

from vita.experiments.planning.costs import UNKNOWN, Cost, Unit
from vita.experiments.planning.run_kinds import Kind

Basis = Literal[
    "measured here", "measured before", "a similar run", "scaled by work", "assumed speed", "not known"
]  # best first
BASES: tuple[Basis, ...] = Basis.__args__  # type: ignore[attr-defined]

NEAR = 10.0  # a small model keeps a device waiting: its speed says nothing of one with ten times its work


@dataclass(frozen=True)
class Estimate:
    """Seconds of one unit, and what that number stands on; None where nothing is known."""

    seconds: float | None
    basis: Basis


@dataclass(frozen=True)
class Estimator:
    """costs: of runs in this folder and of the table. counted: those of this folder again, with their work.

    Counting takes seconds, so it is asked for only where nothing similar was measured.
    """

    costs: Sequence[Cost]
    counted: Callable[[], Sequence[Cost]] = tuple

    def estimate(self, kind: Kind, unit: Unit, gflop: Callable[[], float]) -> Estimate:
        """gflop: the work of one unit, NaN where it cannot be counted."""
        found: dict[Basis, list[float]] = {}
        for cost in self.costs:
            basis = _basis(cost, kind, unit)
            if basis is not None and cost.seconds(unit) > 0:
                found.setdefault(basis, []).append(cost.seconds(unit))
        for basis in BASES:
            if basis in found:
                return Estimate(fmean(found[basis]), basis)
        return self._scored(unit) if unit == "scored_frame" else self._by_work(kind, unit, gflop)

    def size(self, kind: Kind, number: Literal["weights_bytes", "bytes_per_frame"]) -> float | None:
        """Mean of the same training's runs, None where there is none."""
        same = [cost for cost in self.costs if _same_model(cost, kind) and cost.variant == kind.variant]
        known = [getattr(cost, number) for cost in same if getattr(cost, number) > 0]
        return fmean(known) if known else None

    def _scored(self, unit: Unit) -> Estimate:
        """Scoring asks no network: a frame of one run is like that of another."""
        known = [cost.seconds(unit) for cost in self.costs if cost.seconds(unit) > 0]
        return Estimate(median(known), "scaled by work") if known else Estimate(None, "not known")

    def _by_work(self, kind: Kind, unit: Unit, gflop: Callable[[], float]) -> Estimate:
        known = [cost for cost in self._with_work if cost.device == kind.device and cost.source != "assumed"]
        counted = [(cost, *_work_and_speed(cost, unit)) for cost in known]
        measured = [one for one in counted if one[2] > 0]  # which NaN is not
        on_device = [cost for cost in self.costs if cost.device == kind.device]
        assumed = [_work_and_speed(cost, unit)[1] for cost in on_device if cost.source == "assumed"]
        work = gflop() if measured or assumed else UNKNOWN
        if math.isnan(work):
            return Estimate(None, "not known")
        near = [one for one in measured if 1 / NEAR <= one[1] / work <= NEAR]
        if not near and assumed:
            return Estimate(work / assumed[0], "assumed speed")
        near = near or measured
        own = [speed for cost, _, speed in near if cost.method == kind.method]
        return Estimate(work / median(own or [speed for _, _, speed in near]), "scaled by work")

    @cached_property
    def _with_work(self) -> list[Cost]:
        return [*self.counted(), *self.costs]


def _basis(cost: Cost, kind: Kind, unit: Unit) -> Basis | None:
    """How well a cost tells that of another run; None where it does not."""
    if cost.source == "assumed" or not _same_model(cost, kind):
        return None
    if unit == "iteration":
        like = _batch(cost) == _batch(kind)
        same = cost.variant == kind.variant
    else:
        like = cost.predict_pixels == kind.predict_pixels
        same = (cost.variant, cost.inference_variants) == (kind.variant, kind.inference_variants)
    if not like:
        return None
    return cost.source if same or unit == "scored_frame" else "a similar run"


def _same_model(cost: Cost, kind: Kind) -> bool:
    return (cost.tier, cost.method, cost.backbone, cost.device) == (kind.tier, kind.method, kind.backbone, kind.device)


def _batch(kind: Kind) -> tuple[int, int, int]:
    return kind.clips_per_batch, kind.clip_frames, kind.train_pixels


def _work_and_speed(cost: Cost, unit: Unit) -> tuple[float, float]:
    work = cost.gflop_per_iteration if unit == "iteration" else cost.gflop_per_frame
    return work, work / cost.seconds(unit)
