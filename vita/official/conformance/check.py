"""Comparing one group of recorded tensors with ours."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from vita.official.conformance.recording import Tensors
from vita.official.contract import Check


@dataclass(frozen=True)
class Tolerance:
    """An entry passes when its error is at most absolute + relative * |recorded|."""

    absolute: float
    relative: float = 1e-4


# The official code itself moves by about a fifth of these between 32-bit and 64-bit floats.
VALUES = Tolerance(3e-4)
MASK_LOGITS = Tolerance(1e-3)
LOSS = Tolerance(1e-6)
EXACT = Tolerance(0.0, 0.0)
TIGHT = Tolerance(0.0, 1e-9)  # 64 bits on both sides
FLIPPED_PIXELS = 1e-4  # of all
OTHER_POINTS = 1e-3  # of all: two logits equally near to 0 may change places
GRADIENT = 1e-2  # of the tensor's largest entry

Pair = tuple[Tensor, Tensor]  # ours, recorded


def compare(group: str, pairs: Iterable[Pair], tolerance: Tolerance) -> Check:
    """All tensors of a group, entry by entry; NaN is equal to NaN, and tensors of another shape never pass."""
    error, largest, passed = 0.0, 0.0, True
    for ours, recorded in pairs:
        one, top = ours.detach().cpu().double(), recorded.cpu().double()
        if one.shape != top.shape:
            return failed(group)
        both_nan = one.isnan() & top.isnan()
        difference = (one - top).abs().masked_fill(both_nan | (one == top), 0.0)
        passed &= bool((difference <= tolerance.absolute + tolerance.relative * top.abs().nan_to_num()).all())
        error = max(error, _top(difference))
        largest = max(largest, _top(top.abs().masked_fill(both_nan, 0.0)))
    return Check(group, error, largest, tolerance.absolute + tolerance.relative * largest, passed)


def compare_groups(
    groups: Mapping[str, Mapping[str, Tensor | Sequence[Tensor]]],
    tensors: Tensors,
    group: str,
    tolerance: Tolerance = VALUES,
) -> Iterator[Check]:
    """One line for each of `groups` (our tensors by recorded name) of which the recording holds something."""
    for label, ours in groups.items():
        if pairs := tensors.pairs(ours):
            yield compare(f"{group} {label}", pairs, tolerance)


def compare_named(
    ours: Mapping[str, Tensor | Sequence[Tensor]], tensors: Tensors, group: str, tolerance: Tolerance = VALUES
) -> Iterator[Check]:
    """As `compare_groups`, of groups that are called as what was recorded."""
    return compare_groups({name: {name: value} for name, value in ours.items()}, tensors, group, tolerance)


def compare_relative(group: str, pairs: Iterable[Pair], share: float) -> Check:
    """As `compare`, with a tolerance of `share` of each tensor's largest entry; for gradients.

    The figures are those of the tensor that comes nearest to its limit, or passes it furthest.
    """
    worst = Check(group, 0.0, 0.0, 0.0, True)
    worst_share = -1.0
    for ours, recorded in pairs:
        largest = max(_top(recorded.abs()), 1e-6)
        check = compare(group, [(ours, recorded)], Tolerance(share * largest, 0.0))
        if not check.error / largest <= worst_share:
            worst, worst_share = check, check.error / largest
    return worst


def compare_numbers(group: str, ours: Sequence[float], recorded: Sequence[float], tolerance: Tolerance) -> Check:
    """Plain numbers, in the same order."""
    pair = torch.tensor(ours, dtype=torch.float64), torch.tensor(recorded, dtype=torch.float64)
    return compare(group, [pair], tolerance)


def compare_masks(group: str, ours: np.ndarray, recorded: np.ndarray) -> Check:
    """Boolean masks: the error is the share of pixels that differ."""
    if ours.shape != recorded.shape:
        return failed(group)
    share = float((ours.astype(bool) != recorded.astype(bool)).mean()) if ours.size else 0.0
    return Check(group, share, 1.0, FLIPPED_PIXELS, share <= FLIPPED_PIXELS)


def compare_points(group: str, pairs: Iterable[Pair]) -> Check:
    """Sampled points (R, P, 2) of R masks, as sets: the error is the share of points that the recording has not."""
    missing = total = 0
    for ours, recorded in pairs:
        if ours.shape != recorded.shape:
            return failed(group)
        total += ours.shape[0] * ours.shape[1]
        places = [torch.view_as_complex(points.detach().cpu().contiguous()).numpy() for points in (ours, recorded)]
        missing += sum(int((~np.isin(a, b)).sum()) for a, b in zip(*places, strict=True))
    share = missing / max(total, 1)
    return Check(group, share, 1.0, OTHER_POINTS, share <= OTHER_POINTS)


def share_of_limit(check: Check) -> float:
    """How near a check is to its limit: 1 at the limit; infinite where it fails."""
    if not check.passed:
        return math.inf
    return check.error / check.tolerance if check.tolerance else 0.0


def held(group: str, holds: bool) -> Check:
    """A statement that is true or not, such as the shape of an array or what happens to odd input."""
    return Check(group, 0.0, 1.0, 0.0, True) if holds else failed(group)


def failed(group: str) -> Check:
    """A group of which nothing can be compared: another shape, or another number of objects."""
    return Check(group, math.inf, math.nan, 0.0, False)


def _top(values: Tensor) -> float:
    return float(values.max()) if values.numel() else 0.0
