"""Whole clips that the official augmentation drew: not what was drawn, but what follows from it, held against ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vita.conformance.check import EXACT, compare_numbers, held
from vita.conformance.recording import recorded_value
from vita.contract import Check, UserError
from vita.data.resize import short_edge_size
from vita.data.transforms import Size

KEEP_SIZE = ("NoOpTransform", "HFlipTransform", "RotationTransform")


@dataclass(frozen=True)
class Rules:
    """Settings of the recorded augmentation.

    resizes: short edges to choose from and the largest long edge, of every resize in order; limits: smallest and
    largest edge of a crop where the frame allows it, in pixels, None without a crop.
    """

    resizes: list[tuple[list[int], int]]
    limits: tuple[int, int] | None


@dataclass
class Walk:
    """One frame followed through its recorded transforms: sizes on the way, ours and recorded."""

    size: Size
    ours: list[int] = field(default_factory=list)
    recorded: list[int] = field(default_factory=list)
    windows_fit: bool = True


def draw_checks(group: str, drawn: Mapping[str, Any], path: Path) -> Iterator[Check]:
    """Every size on the way of every frame, and every crop window inside its frame and of an allowed size."""
    rules = _rules([str(step) for step in recorded_value(drawn, "augmentation_list", path)])
    walks = []
    for clip in recorded_value(drawn, "clips", path):
        for frame in recorded_value(clip, "frames", path):
            walk = Walk(tuple(recorded_value(clip, "input_hw", path)))
            _follow(walk, recorded_value(frame, "transforms", path), rules, path)
            walk.ours += walk.size
            walk.recorded += recorded_value(frame, "out_hw", path)
            walks.append(walk)
    ours, recorded = ([edge for walk in walks for edge in getattr(walk, side)] for side in ("ours", "recorded"))
    yield compare_numbers(f"{group} sizes", ours, recorded, EXACT)
    if rules.limits is not None:
        yield held(f"{group} crop windows", all(walk.windows_fit for walk in walks))


def _rules(steps: list[str]) -> Rules:
    """From the recorded names of steps, such as "ResizeShortestEdgeClip([400,500,600], max 1333)"."""
    resize = r"ResizeShortestEdgeClip\(\D*([\d, ]+)\D+max\D*(\d+)"
    resizes = [match for step in steps for match in re.finditer(resize, step)]
    crops = [match for step in steps for match in re.finditer(r"RandomCropClip\(\D*(\d+), *(\d+)", step)]
    return Rules(
        [([int(edge) for edge in re.findall(r"\d+", match[1])], int(match[2])) for match in resizes],
        (int(crops[0][1]), int(crops[0][2])) if crops else None,
    )


def _follow(walk: Walk, transforms: list[Mapping[str, Any]], rules: Rules, path: Path) -> None:
    """The last resize obeys the last rule; one before it belongs to the crop, which not every clip has."""
    kinds = [recorded_value(step, "t", path) for step in transforms]
    resizes = kinds.count("ResizeTransform")
    if resizes > len(rules.resizes):
        raise UserError(f"{path}: a frame has {resizes} resizes, but augmentation_list names {len(rules.resizes)}")
    waiting = iter(rules.resizes[len(rules.resizes) - resizes :])
    for kind, step in zip(kinds, transforms, strict=True):
        if kind == "ResizeTransform":
            _resize(walk, [recorded_value(step, key, path) for key in ("h", "w", "new_h", "new_w")], *next(waiting))
        elif kind == "CropTransform":
            _crop(walk, [recorded_value(step, key, path) for key in ("x0", "y0", "w", "h")], rules.limits)
        elif kind not in KEEP_SIZE:
            raise UserError(f"{path}: transform '{kind}' is unknown; known are resize, crop and {', '.join(KEEP_SIZE)}")


def _resize(walk: Walk, recorded: list[int], short_edges: list[int], max_edge: int) -> None:
    """recorded: old and new (height, width). Ours is the new size, of those that the rule allows, that is nearest."""
    allowed = [short_edge_size(*walk.size, edge, max_edge) for edge in short_edges]
    nearest = min(allowed, key=lambda size: abs(size[0] - recorded[2]) + abs(size[1] - recorded[3]))
    walk.ours += [*walk.size, *nearest]
    walk.recorded += recorded
    walk.size = nearest


def _crop(walk: Walk, window: list[int], limits: tuple[int, int] | None) -> None:
    """window: left, top, width, height."""
    left, top, width, height = window
    low, high = limits or (1, max(walk.size))
    for start, edge, whole in ((top, height, walk.size[0]), (left, width, walk.size[1])):
        walk.windows_fit &= start >= 0 and start + edge <= whole and min(low, whole) <= edge <= min(high, whole)
    walk.size = height, width
