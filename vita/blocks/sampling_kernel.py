"""Compiled kernel for the sampling of deformable attention on CPUs, which needs no gradient.

It computes what `sample_levels` in `vita.blocks.deformable_attention` does, sample by sample, and holds nothing but its
result: the plain path holds all samples of a level.

Legend: F frames, S positions of all levels, M queries, L levels, P points of a level, c channels of a head.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vita.blocks.deformable_attention import Sizes
from vita.core.compiled import compiled

Floats = NDArray[np.float32]
Int64s = NDArray[np.int64]


def sample_around(values: Tensor, sizes: Sizes, reference: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of values at places near the queries' own, (F, M, heads * c), by as many threads as PyTorch has.

    values (F, S, heads, c), reference (M, 2) as shares of width and height, offsets from it (F, M, heads, L, P, 2) in
    positions of a level, weights (F, M, heads, L, P). x comes first. Outside of a level, values are zero.
    """
    frames, queries, heads = offsets.shape[:3]
    out = torch.empty(frames, queries, heads, values.shape[3])
    starts = np.array([0, *accumulate(height * width for height, width in sizes)][:-1])
    given = [tensor.contiguous().numpy() for tensor in (values, reference, offsets, weights)]
    # Queries are shared out, of all frames in a row.
    bounds = np.linspace(0, frames * queries, torch.get_num_threads() + 1).astype(np.int64)

    def compute(part: tuple[int, int]) -> None:
        _sample(*given, np.array(sizes), starts, out.numpy(), *part)

    parts = list(pairwise(bounds.tolist()))
    if len(parts) == 1:
        compute(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as threads:
            list(threads.map(compute, parts))
    return out.flatten(2)


@compiled(nogil=True, contract=True)
def _sample(
    values: Floats, reference: Floats, offsets: Floats, weights: Floats, sizes: Int64s, starts: Int64s, out: Floats,
    begin: int, end: int,
) -> None:  # fmt: skip
    """Fill `out` (F, M, heads, c) for the queries [begin, end), counted through all frames.

    sizes: (L, 2), height and width.  starts: (L,), of the levels among the S positions.
    """
    queries, heads, levels, points = offsets.shape[1:5]
    half = np.float32(0.5)  # of a position, whose centres have whole numbers in what follows
    for job in range(begin, end):
        frame, query = job // queries, job % queries
        for head in range(heads):
            total = out[frame, query, head]
            total[:] = 0
            for level in range(levels):
                height, width = sizes[level, 0], sizes[level, 1]
                own_x = reference[query, 0] * np.float32(width) - half
                own_y = reference[query, 1] * np.float32(height) - half
                for point in range(points):
                    x = own_x + offsets[frame, query, head, level, point, 0]
                    y = own_y + offsets[frame, query, head, level, point, 1]
                    weight = weights[frame, query, head, level, point]
                    _add(values, frame, head, starts[level], height, width, x, y, weight, total)


@compiled(nogil=True, contract=True)
def _add(
    values: Floats, frame: int, head: int, start: int, height: int, width: int, x: np.float32, y: np.float32,
    weight: np.float32, total: Floats,
) -> None:  # fmt: skip
    """Add `weight` times the value at one place of a level to `total` (c,), from values (F, S, heads, c)."""
    # The distances to the four positions around it.
    left, top = np.floor(x), np.floor(y)
    east, south = x - left, y - top
    west, north = np.float32(1) - east, np.float32(1) - south
    column, row = int(left), int(top)
    if column >= 0 and column + 1 < width and row >= 0 and row + 1 < height:
        at = start + row * width + column
        a, b = values[frame, np.uint64(at), head], values[frame, np.uint64(at + 1), head]
        c, d = values[frame, np.uint64(at + width), head], values[frame, np.uint64(at + width + 1), head]
        of_a, of_b, of_c, of_d = (
            north * west * weight,
            north * east * weight,
            south * west * weight,
            south * east * weight,
        )
        for channel in range(total.size):
            total[channel] += a[channel] * of_a + b[channel] * of_b + c[channel] * of_c + d[channel] * of_d
        return
    for below in range(2):  # at the edge and outside of it, where values are zero
        if 0 <= row + below < height:
            share = (south if below else north) * weight
            for beside in range(2):
                if 0 <= column + beside < width:
                    one = values[frame, np.uint64(start + (row + below) * width + column + beside), head]
                    part = (east if beside else west) * share
                    for channel in range(total.size):
                        total[channel] += one[channel] * part
