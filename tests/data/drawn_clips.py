"""What a clip's augmentation drew, in the same terms for recorded clips and for ours; and tests of distributions."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from vita.data.augment.clip_transform import ClipTransform
from vita.data.augment.transforms import Crop, Flip, Resize, Rotation, Size

PACKED = Path(__file__).parents[1] / "golden" / "draws.json.gz"


@dataclass(frozen=True)
class Drawn:
    """One clip. whole: size that it was cropped from; windows: (top, left, height, width) of each frame, if cropped."""

    old: Size
    whole: Size
    size: Size
    windows: tuple[tuple[int, int, int, int], ...]
    flip: bool
    angles: tuple[float, ...]
    centre: tuple[float, float] | None  # as shares of width and height


def recorded(kind: str) -> list[Drawn]:
    """The 60 clips that the official code drew for `real_video` or `pseudo_video`."""
    clips = json.loads(gzip.decompress(PACKED.read_bytes()))[kind]["clips"]
    return [_of_record(clip) for clip in clips]


def _of_record(clip: dict[str, Any]) -> Drawn:
    frames = [frame["transforms"] for frame in clip["frames"]]
    first = {step["t"]: step for step in frames[0]}
    height, width = clip["frames"][0]["out_hw"]
    turns = [step for frame in frames for step in frame if step["t"] == "RotationTransform"]
    crops = [step for frame in frames for step in frame if step["t"] == "CropTransform"]
    return Drawn(
        old=tuple(clip["input_hw"]),
        whole=(frames[0][0].get("new_h", 0), frames[0][0].get("new_w", 0)),
        size=(height, width),
        windows=tuple((step["y0"], step["x0"], step["h"], step["w"]) for step in crops),
        flip="HFlipTransform" in first,
        angles=tuple(step["angle"] for step in turns),
        centre=(turns[0]["center"][0] / width, turns[0]["center"][1] / height) if turns else None,
    )


def of_ours(transform: ClipTransform) -> Drawn:
    """The same of one of our transforms, which lack what changes nothing, such as a resize to the same size."""
    firsts = transform.of_frame(0)
    every = [one for t in range(5) for one in transform.of_frame(t)]
    resized = firsts[0].new if firsts and isinstance(firsts[0], Resize) else transform.old
    turns = [one for one in every if isinstance(one, Rotation)]
    height, width = transform.size
    return Drawn(
        old=transform.old,
        whole=resized,
        size=transform.size,
        windows=tuple((one.top, one.left, one.height, one.width) for one in every if isinstance(one, Crop)),
        flip=any(isinstance(one, Flip) for one in firsts),
        angles=tuple(one.angle_degrees for one in turns),
        centre=(turns[0].centre[0] / width, turns[0].centre[1] / height) if turns else None,
    )


def choices(clips: Sequence[Drawn]) -> dict[str, list[Any]]:
    """What takes few values, by name: one value a clip that has it."""
    cropped = [clip for clip in clips if clip.windows]
    moves = [np.subtract(clip.windows[-1][:2], clip.windows[0][:2]) for clip in cropped]
    steps = [np.diff([window[:2] for window in clip.windows], axis=0) for clip in cropped]
    turns = [np.diff(clip.angles) for clip in clips if clip.angles]
    return {
        "cropped": [bool(clip.windows) for clip in clips],
        "first short edge": [min(clip.whole) for clip in cropped],
        "second short edge": [min(clip.size) for clip in clips if max(clip.size) < 766],
        "flip": [clip.flip for clip in clips],
        "window direction": [bool(move.sum() > 0) for move in moves if move.any()],
        "window goes straight": [bool((step >= 0).all() or (step <= 0).all()) for step in steps],
        "rotation direction": [bool(turn[0] > 0) for turn in turns],
        "rotation goes straight": [bool((turn > 0).all() or (turn < 0).all()) for turn in turns],
    }


def amounts(clips: Sequence[Drawn]) -> dict[str, list[float]]:
    """What takes many values, by name: one value a clip that has it. Lengths are shares of what is possible."""
    found: dict[str, list[float]] = {}
    for clip in clips:
        for name, value in [*_of_windows(clip), *_of_angles(clip)]:
            found.setdefault(name, []).append(value)
    return found


def _of_windows(clip: Drawn) -> list[tuple[str, float]]:
    values = []
    for axis, along in enumerate(("height", "width")) if clip.windows else ():
        whole, window = clip.whole[axis], clip.windows[0][2 + axis]
        low, high = min(384, whole), min(600, whole)
        starts = sorted(frame[axis] for frame in clip.windows)
        if high > low:
            values.append((f"window {along}", (window - low) / (high - low)))
        if whole - window >= 40:
            values.append((f"least start, {along}", starts[0] / (whole - window)))
            values.append((f"way of the window, {along}", (starts[-1] - starts[0]) / (whole - window)))
        if starts[-1] - starts[0] >= 10:
            values.append(("place of the middle frame", (starts[2] - starts[0]) / (starts[-1] - starts[0])))
    return values


def _of_angles(clip: Drawn) -> list[tuple[str, float]]:
    if clip.centre is None:
        return []
    angles = clip.angles
    named = {"first angle": angles[0], "last angle": angles[-1], "least angle": min(angles), "range": np.ptp(angles)}
    return [*named.items(), ("centre x", clip.centre[0]), ("centre y", clip.centre[1])]


def p_values(few: Sequence[Drawn], many: Sequence[Drawn]) -> dict[str, float]:
    """By name, the probability of a difference as large as that of `few` from the distribution of `many`.

    Choices: chi-square against the shares of `many`; amounts: Kolmogorov-Smirnov of two samples.
    """
    kinds, theirs = choices(many), amounts(many)
    found = {name: _chi_square(values, kinds[name]) for name, values in choices(few).items() if values}
    for name, values in amounts(few).items():
        same = stats.ks_2samp(values, theirs[name], method="asymp") if name in theirs else None
        found[name] = 0.0 if same is None else float(same.pvalue)
    return found


def _chi_square(few: list[Any], many: list[Any]) -> float:
    kinds = sorted({*few, *many})
    seen, shares = Counter(few), Counter(many)
    if set(seen) - set(shares):
        return 0.0
    if len(kinds) == 1:
        return 1.0
    expected = [shares[kind] * len(few) / len(many) for kind in kinds]
    return float(stats.chisquare([seen[kind] for kind in kinds], expected).pvalue)
