"""Decoders whose attention is masked by their own earlier masks.

Where the logit of such a mask is next to zero, the order of a sum decides whether a token is attended to, and that
order changes with the number of threads. What follows then differs by far more than rounding does, though nothing is
wrong. Only a failure that lies downstream of such a bit is looked at again, in 64 bits.

Legend: h w positions of a mask, D depths: the prediction of the bare queries, then one after every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from typing import Generic, TypeVar

import torch.nn.functional as F
from torch import Tensor, nn

from vita.official.conformance.check import Tolerance, compare
from vita.official.conformance.recording import Tensors
from vita.official.conformance.trajectory import in_64_bits
from vita.official.contract import Check

NEXT_TO_ZERO = 1e-4

Output = TypeVar("Output")
Model = TypeVar("Model", bound=nn.Module)
Entry = tuple[int, Tensor, Tensor]  # depth, ours, recorded


@dataclass(frozen=True)
class Decoded(Generic[Output]):
    """What a model said, and the masks that steered its attention."""

    output: Output
    masks: Sequence[Tensor]  # D of (..., h, w), logits
    levels: Sequence[tuple[int, int]]  # D sizes of the maps that the layer after each prediction attends to

    def attention_logits(self, depth: int) -> Tensor:
        """Of every attention-mask bit that the layer after this prediction obeys: (masks, 1, height, width)."""
        masks = self.masks[depth]
        flat = masks.reshape(-1, 1, *masks.shape[-2:])
        return F.interpolate(flat, size=self.levels[depth], mode="bilinear", align_corners=False)


def in_double(model: Model, run: Callable[[Model], Decoded[Output]]) -> Callable[[], Decoded[Output]]:
    """`run` on a copy of the model in 64 bits; it is made when it is first asked for, and once."""

    @cache
    def again() -> Decoded[Output]:
        with in_64_bits():
            return run(deepcopy(model).double())

    return again


def entries_by_depth(values: Sequence[Tensor], name: str, tensors: Tensors, step: int = 1) -> list[Entry]:
    """Predictions (F, Q, ...) of all depths, recorded as `name`, filled with the depth, every step-th query."""
    return [(depth, value[:, ::step], tensors[name.format(depth)]) for depth, value in enumerate(values)]


def compare_downstream(
    group: str,
    entries: Callable[[Output], list[Entry]],
    decoded: Decoded[Output],
    again: Callable[[], Decoded[Output]],
    tolerance: Tolerance,
) -> Check:
    """As `compare`. A failure downstream of a bit next to zero can be looked at again: see `Check.again`."""
    found = entries(decoded.output)
    check = compare(group, [(ours, recorded) for _, ours, recorded in found], tolerance)
    wrong = [depth for depth, *pair in found if not compare(group, [(pair[0], pair[1])], tolerance).passed]
    upstream = range(min(wrong, default=0))
    if not any(bool((decoded.attention_logits(depth).abs() <= NEXT_TO_ZERO).any()) for depth in upstream):
        return check

    def look_again() -> Check:
        exact = again()
        flipped = _first_flipped(decoded, exact, upstream)
        if not flipped:
            return check
        pairs = [(ours, recorded) for _, ours, recorded in entries(exact.output)]
        return replace(compare(group, pairs, tolerance), note=f"computed again in 64 bits: {flipped}")

    return replace(check, again=look_again)


def _first_flipped(single: Decoded[Output], double: Decoded[Output], depths: range) -> str:
    """The first bits in which 32 and 64 bits differ, in words; empty where none do, or one is not next to zero."""
    for depth in depths:
        logits, exact = single.attention_logits(depth), double.attention_logits(depth)
        differ = (logits >= 0) != (exact >= 0)
        if differ.any():
            largest = float(exact[differ].abs().max())
            if largest > NEXT_TO_ZERO:
                return ""
            bits = "1 attention-mask bit" if int(differ.sum()) == 1 else f"{int(differ.sum())} attention-mask bits"
            return f"{bits} of prediction {depth} with a logit within {largest:.0e} of 0"
    return ""
