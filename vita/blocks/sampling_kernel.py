"""Compiled kernels for the sampling of deformable attention on CPUs, and for its gradients.

They compute what `sample_levels` in `vita.blocks.deformable_attention` does, sample by sample, and hold nothing but
their results: the plain path holds all samples of a level.

Legend: F frames, S positions of all levels, M queries, L levels, P points of a level, c channels of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vita.blocks.deformable_attention import Sizes
from vita.core.compiled import compiled

Floats = NDArray[np.float32]  # or of 64 bits, as all that is given
Int64s = NDArray[np.int64]


def sample_around(values: Tensor, sizes: Sizes, reference: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of values at places near the queries' own, (F, M, heads * c), by as many threads as PyTorch has.

    values (F, S, heads, c), reference (M, 2) as shares of width and height, offsets from it (F, M, heads, L, P, 2) in
    positions of a level, weights (F, M, heads, L, P). x comes first. Outside of a level, values are zero. Gradients
    reach values, offsets and weights.
    """
    sampled: Tensor = _SampleAround.apply(values, sizes, reference, offsets, weights)
    return sampled


class _SampleAround(torch.autograd.Function):
    """`sample_around`. The same bits whatever the number of threads."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, sizes: Sizes, reference: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        values, reference, offsets, weights = (one.contiguous() for one in (values, reference, offsets, weights))
        ctx.save_for_backward(values, reference, offsets, weights)
        ctx.sizes = sizes
        frames, queries, heads = offsets.shape[:3]
        out = values.new_empty(frames, queries, heads, values.shape[3])
        given = [one.detach().numpy() for one in (values, reference, offsets, weights)]
        # Queries are shared out, of all frames in a row.
        _by_threads(frames * queries, lambda *part: _sample(*given, *_levels(sizes), out.numpy(), *part))
        return out.flatten(2)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, reference, offsets, weights = ctx.saved_tensors
        frames, _, heads = offsets.shape[:3]
        wanted = gradients[0].unflatten(2, (heads, -1)).contiguous()
        given = [one.detach().numpy() for one in (values, reference, offsets, weights, wanted)]
        found = [torch.zeros_like(values), torch.empty_like(offsets), torch.empty_like(weights)]
        arrays = [one.numpy() for one in found]
        # Heads are shared out, of all frames in a row: what several queries add to one value is added in one thread.
        _by_threads(frames * heads, lambda *part: _sample_backward(*given, *_levels(ctx.sizes), *arrays, *part))
        return found[0], None, None, found[1], found[2]


def _levels(sizes: Sizes) -> tuple[Int64s, Int64s]:
    """Height and width of every level (L, 2), and where it begins among all positions (L,)."""
    return np.array(sizes), np.array([0, *accumulate(height * width for height, width in sizes)][:-1])


def _by_threads(jobs: int, compute: Callable[[int, int], None]) -> None:
    """Call `compute` for ranges of jobs, one a thread."""
    bounds = np.linspace(0, jobs, torch.get_num_threads() + 1).astype(np.int64)
    parts = list(pairwise(bounds.tolist()))
    if len(parts) == 1:
        compute(*parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as threads:
            list(threads.map(compute, *zip(*parts, strict=True)))


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
    left, top = np.floor(x), np.floor(y)
    column, row = int(left), int(top)
    if column < -1 or column >= width or row < -1 or row >= height:
        return
    west, east, north, south = _shares(x - left, y - top, column, row, height, width)
    at_a, at_b, at_c, at_d = _corners(start, column, row, height, width)
    a, b, c, d = (
        values[frame, at_a, head],
        values[frame, at_b, head],
        values[frame, at_c, head],
        values[frame, at_d, head],
    )
    of_a, of_b = north * west * weight, north * east * weight
    of_c, of_d = south * west * weight, south * east * weight
    for channel in range(total.size):
        total[channel] += a[channel] * of_a + b[channel] * of_b + c[channel] * of_c + d[channel] * of_d


@compiled(nogil=True, contract=True)
def _shares(
    east: np.float32, south: np.float32, column: int, row: int, height: int, width: int
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """How much the columns to the west and the east and the rows to the north and the south count; outside, nothing."""
    west, north, nothing = np.float32(1) - east, np.float32(1) - south, east * np.float32(0)
    return (
        west if column >= 0 else nothing,
        east if column + 1 < width else nothing,
        north if row >= 0 else nothing,
        south if row + 1 < height else nothing,
    )


@compiled(nogil=True)
def _corners(start: int, column: int, row: int, height: int, width: int) -> tuple[Any, ...]:
    """The four positions around a place, row by row; in the place of one outside, its neighbour inside."""
    west, east = max(column, 0), min(column + 1, width - 1)
    north, south = start + max(row, 0) * width, start + min(row + 1, height - 1) * width
    return np.uint64(north + west), np.uint64(north + east), np.uint64(south + west), np.uint64(south + east)


@compiled(nogil=True, contract=True, reassociate=True)
def _sample_backward(
    values: Floats, reference: Floats, offsets: Floats, weights: Floats, wanted: Floats, sizes: Int64s, starts: Int64s,
    of_values: Floats, of_offsets: Floats, of_weights: Floats, begin: int, end: int,
) -> None:  # fmt: skip
    """Gradients for the heads [begin, end), counted through all frames: added to `of_values`, the others filled in.

    wanted: (F, M, heads, c), the gradient of the result.
    """
    queries, heads, levels, points = offsets.shape[1:5]
    half = np.float32(0.5)
    for job in range(begin, end):
        frame, head = job // heads, job % heads
        for query in range(queries):
            slope = wanted[frame, query, head]
            for level in range(levels):
                height, width = sizes[level, 0], sizes[level, 1]
                own_x = reference[query, 0] * np.float32(width) - half
                own_y = reference[query, 1] * np.float32(height) - half
                for point in range(points):
                    x = own_x + offsets[frame, query, head, level, point, 0]
                    y = own_y + offsets[frame, query, head, level, point, 1]
                    weight = weights[frame, query, head, level, point]
                    of_x, of_y, of_weight = _add_slope(
                        values, of_values, frame, head, starts[level], height, width, x, y, weight, slope
                    )
                    of_offsets[frame, query, head, level, point, 0] = of_x
                    of_offsets[frame, query, head, level, point, 1] = of_y
                    of_weights[frame, query, head, level, point] = of_weight


@compiled(nogil=True, contract=True, reassociate=True)
def _add_slope(
    values: Floats, of_values: Floats, frame: int, head: int, start: int, height: int, width: int, x: np.float32,
    y: np.float32, weight: np.float32, slope: Floats,
) -> tuple[np.float32, np.float32, np.float32]:  # fmt: skip
    """What `_add` passes back of `slope` (c,): adds to `of_values`; returns the gradients of x, y and the weight."""
    left, top = np.floor(x), np.floor(y)
    column, row = int(left), int(top)
    in_a = in_b = in_c = in_d = weight * np.float32(0)
    if column < -1 or column >= width or row < -1 or row >= height:
        return in_a, in_a, in_a
    west, east, north, south = _shares(x - left, y - top, column, row, height, width)
    at_a, at_b, at_c, at_d = _corners(start, column, row, height, width)
    a, b, c, d = (
        values[frame, at_a, head],
        values[frame, at_b, head],
        values[frame, at_c, head],
        values[frame, at_d, head],
    )
    for channel in range(slope.size):
        one = slope[channel]
        in_a += a[channel] * one
        in_b += b[channel] * one
        in_c += c[channel] * one
        in_d += d[channel] * one
    # One after the other: two of them may be the same position.
    _add_scaled(of_values[frame, at_a, head], slope, north * west * weight)
    _add_scaled(of_values[frame, at_b, head], slope, north * east * weight)
    _add_scaled(of_values[frame, at_c, head], slope, south * west * weight)
    _add_scaled(of_values[frame, at_d, head], slope, south * east * weight)
    # Values outside are zero whatever stands in their place.
    in_west, in_east = np.float32(column >= 0), np.float32(column + 1 < width)
    in_north, in_south = np.float32(row >= 0), np.float32(row + 1 < height)
    of_x = weight * (north * (in_east * in_b - in_west * in_a) + south * (in_east * in_d - in_west * in_c))
    of_y = weight * (west * (in_south * in_c - in_north * in_a) + east * (in_south * in_d - in_north * in_b))
    return of_x, of_y, north * (west * in_a + east * in_b) + south * (west * in_c + east * in_d)


@compiled(nogil=True, contract=True)
def _add_scaled(total: Floats, one: Floats, factor: np.float32) -> None:
    for channel in range(one.size):
        total[channel] += one[channel] * factor
