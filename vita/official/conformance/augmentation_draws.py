"""Whole clips that the official augmentation drew: not what was drawn, but what follows from it, held against ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vita.core.contract import UserError
from vita.data.augment.resize import short_edge_size
from vita.data.augment.transforms import Size
from vita.official.conformance.check import EXACT, compare_numbers, held
from vita.official.conformance.crop_paths import redrawn
from vita.official.conformance.recording import recorded_value
from vita.official.contract import Check

KEEP_SIZE = ("NoOpTransform", "HFlipTransform")


@dataclass(frozen=True)
class Rules:
    """Settings of the recorded augmentation.

    resizes: short edges to choose from and the largest long edge, of every resize in order; limits: smallest and
    largest edge of a crop where the frame allows it, in pixels, None without a crop.
    """

    resizes: list[tuple[list[int], int]]
    limits: tuple[int, int] | None
    rotation: tuple[float, ...] | None  # least and largest angle, in degrees; the same of the centre, as shares


@dataclass
class Walk:
    """One frame followed through its recorded transforms: sizes on the way, ours and recorded."""

    size: Size
    ours: list[int] = field(default_factory=list)
    recorded: list[int] = field(default_factory=list)
    windows_fit: bool = True
    window: tuple[int, int] | None = None  # top and left of the crop
    room: tuple[int, int] = (0, 0)  # the largest that they might be
    rotation: tuple[float, float, float] | None = None  # angle in degrees, centre (x, y) as shares


def draw_checks(group: str, drawn: Mapping[str, Any], path: Path) -> Iterator[Check]:
    """Every size on the way of every frame, and every crop window inside its frame and of an allowed size.

    Of every clip, whether ours can draw its windows and its rotations.
    """
    rules = _rules([str(step) for step in recorded_value(drawn, "augmentation_list", path)])
    clips: list[list[Walk]] = []
    for clip in recorded_value(drawn, "clips", path):
        clips.append([])
        for frame in recorded_value(clip, "frames", path):
            walk = Walk(tuple(recorded_value(clip, "input_hw", path)))
            _follow(walk, recorded_value(frame, "transforms", path), rules, path)
            walk.ours += walk.size
            walk.recorded += recorded_value(frame, "out_hw", path)
            clips[-1].append(walk)
    walks = [walk for clip in clips for walk in clip]
    ours, recorded = ([edge for walk in walks for edge in getattr(walk, side)] for side in ("ours", "recorded"))
    yield compare_numbers(f"{group} sizes", ours, recorded, EXACT)
    if rules.limits is not None:
        yield held(f"{group} crop windows", all(walk.windows_fit for walk in walks))
        yield held(f"{group} window paths", all(map(_path_can_be_drawn, clips)))
    if rules.rotation is not None:
        yield held(f"{group} rotations", all(_rotation_can_be_drawn(clip, rules.rotation) for clip in clips))


def _path_can_be_drawn(clip: list[Walk]) -> bool:
    """Whether our interpolation gives the recorded windows. A clip is cropped in all frames, or in none."""
    windows = [walk.window for walk in clip if walk.window is not None]
    if len(windows) < len(clip):
        return not windows
    starts = np.asarray(windows)
    ours = redrawn(starts, clip[0].room)
    return ours is not None and np.array_equal(ours, starts) and len({walk.room for walk in clip}) == 1


def _rotation_can_be_drawn(clip: list[Walk], limits: tuple[float, ...]) -> bool:
    """Whether the angles go in one direction about one centre, all within the limits."""
    drawn = [walk.rotation for walk in clip if walk.rotation is not None]
    if len(drawn) < len(clip):
        return False
    angles, centres = np.asarray(drawn)[:, 0], np.asarray(drawn)[:, 1:]
    turns = np.diff(angles)
    inside = (limits[0] <= angles).all() and (angles <= limits[1]).all()
    central = (limits[2] <= centres).all() and (centres <= limits[3]).all() and (centres == centres[0]).all()
    return bool(inside and central and ((turns >= 0).all() or (turns <= 0).all()))


def _rules(steps: list[str]) -> Rules:
    """From the recorded names of steps, such as "ResizeShortestEdgeClip([400,500,600], max 1333)"."""
    resize = r"ResizeShortestEdgeClip\(\D*([\d, ]+)\D+max\D*(\d+)"
    resizes = [match for step in steps for match in re.finditer(resize, step)]
    crops = [match for step in steps for match in re.finditer(r"RandomCropClip\(\D*(\d+), *(\d+)", step)]
    number = r"[^\d-]+(-?[\d.]+)"
    turns = [
        match
        for step in steps
        for match in re.finditer(rf"RandomRotationClip\(angle{number * 2}.*center{number * 4}", step)
    ]
    return Rules(
        [([int(edge) for edge in re.findall(r"\d+", match[1])], int(match[2])) for match in resizes],
        (int(crops[0][1]), int(crops[0][2])) if crops else None,
        tuple(float(turns[0][place]) for place in (1, 2, 3, 5)) if turns else None,
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
        elif kind == "RotationTransform":
            angle, (x, y) = (recorded_value(step, key, path) for key in ("angle", "center"))
            walk.rotation = angle, x / walk.size[1], y / walk.size[0]
        elif kind not in KEEP_SIZE:
            raise UserError(
                f"{path}: transform '{kind}' is unknown; known are resize, crop, rotation and {', '.join(KEEP_SIZE)}"
            )


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
    walk.window, walk.room = (top, left), (walk.size[0] - height, walk.size[1] - width)
    walk.size = height, width
