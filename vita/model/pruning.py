"""Which object tokens reach the Object Encoder: token pruning (paper, Table 6) and controls that break association.

Legend: T frames, Q frame queries, q surviving frame queries, C channels.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

Control = Literal["zero", "first_frame", "one_token"]


def number_kept(queries: int, ratio: float) -> int:
    """How many of a frame's Q queries survive: ratio * Q, rounded up, and at least one."""
    return max(1, math.ceil(ratio * queries - 1e-9))  # 0.07 * 100 is a little above 7


def kept_query_indices(no_object: Tensor, ratio: float) -> Tensor:
    """Numbers of the frame queries that survive, ascending: (T, q) int64 with q = ceil(ratio * Q).

    no_object: (T, Q) probability of "no object". Every frame keeps the same number, those least like "no object",
    so windows stay rectangular. The paper names no criterion beyond the ratio; this one needs no threshold.
    """
    order = no_object.argsort(dim=1, stable=True)
    return order[:, : number_kept(no_object.shape[1], ratio)].sort(dim=1).values


def prune(frame_queries: Tensor, query_indices: Tensor) -> Tensor:
    """frame_queries: (T, Q, C), query_indices: (T, q) -> (T, q, C)."""
    return frame_queries.gather(1, query_indices[..., None].expand(-1, -1, frame_queries.shape[2]))


def apply_control(frame_queries: Tensor, no_object: Tensor, control: Control | None) -> Tensor:
    """Frame queries with what association needs taken away, (T, Q, C): how far AP falls shows what it is worth.

    "zero" leaves no information, "first_frame" repeats the first frame's queries, "one_token" repeats the one query of
    the first frame that is least like "no object".
    """
    if control == "zero":
        return torch.zeros_like(frame_queries)
    if control == "first_frame":
        return frame_queries[:1].expand_as(frame_queries)
    if control == "one_token":
        return frame_queries[0, no_object[0].argmin()].expand_as(frame_queries)
    return frame_queries
