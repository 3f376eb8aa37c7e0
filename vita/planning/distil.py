"""From the records of finished runs to rows of the table of costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vita.config import PredictConfig, RunConfig
from vita.config_file import load
from vita.planning.costs import Cost, measured_costs
from vita.planning.work import gflop_per_frame, gflop_per_iteration


def costs_with_work(folders: Sequence[Path]) -> list[Cost]:
    """What the runs took, and how much they computed. Raises UserError naming an unreadable record or plan."""
    return [_with_work(config, cost, folder) for folder in folders for config, cost in measured_costs([folder])]


def merged(newer: Sequence[Cost], older: Sequence[Cost]) -> list[Cost]:
    """The mean of each kind of run in `newer`; what only `older` has follows."""
    kinds: dict[tuple[object, ...], list[Cost]] = {}
    for cost in newer:
        kinds.setdefault(_kind(cost), []).append(cost)
    return [*map(_mean, kinds.values()), *(cost for cost in older if _kind(cost) not in kinds)]


def _with_work(config: RunConfig, cost: Cost, folder: Path) -> Cost:
    plan = folder / "inference.yaml"
    per_frame = gflop_per_frame(config, load(PredictConfig, plan)) if plan.exists() else float("nan")
    known = per_frame if cost.seconds_per_frame > 0 else float("nan")
    return replace(cost, gflop_per_iteration=gflop_per_iteration(config), gflop_per_frame=known)


def _kind(cost: Cost) -> tuple[object, ...]:
    names = (cost.tier, cost.method, cost.backbone, cost.variant, cost.device)
    return *names, cost.clips_per_batch, cost.clip_frames


def _mean(costs: Sequence[Cost]) -> Cost:
    numbers = ("seconds_per_iteration", "seconds_per_frame", "bytes_per_frame")
    means = {name: sum(getattr(cost, name) for cost in costs) / len(costs) for name in numbers}
    return replace(costs[0], **means)
