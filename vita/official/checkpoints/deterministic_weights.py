"""Weights that follow from their names alone, so that two implementations can be compared without a weights file.

Legend: O outputs, I inputs of a matrix or a convolution.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from math import prod

import numpy as np
import torch
from torch import Tensor

# Entries that are counters, index tables or constants: they keep their usual values.
KEPT = ("num_batches_tracked", "relative_position_index", "empty_weight")
EMBEDDINGS = ("query_feat", "query_embed", "level_embed", "fq_pos", "memory_bus", "memory_pos")


def portable_weights(layout: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Shapes by official key -> float32 tensors, drawn from a generator seeded by the key.

    Scaled so that activations neither vanish nor explode; counters, index tables and class weights are left out.
    """
    return {
        key: torch.from_numpy(_values(key, tuple(shape)).reshape(shape).astype(np.float32))
        for key, shape in layout.items()
        if not key.endswith(KEPT)
    }


def _values(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """Double precision, in the order of memory. The old generator: its stream is the same in every numpy."""
    random = np.random.RandomState(zlib.crc32(key.encode()))
    normal = random.standard_normal(prod(shape))
    if key.endswith("running_var"):
        return 0.6 + 0.8 * random.random_sample(prod(shape))
    if key.endswith("running_mean"):
        return 0.2 * normal
    if len(shape) < 2:
        return _vector(key, normal)
    if len(shape) == 4:
        return normal * np.sqrt(1.6 / prod(shape[1:]))
    return _matrix(key, normal, shape[1])


def _vector(key: str, normal: np.ndarray) -> np.ndarray:
    """Scales near 1, halved at the end of a residual block; biases near 0."""
    if not key.endswith("weight"):
        return 0.15 * normal
    return (1 + 0.2 * normal) * (0.5 if key.endswith("conv3.norm.weight") else 1.0)


def _matrix(key: str, normal: np.ndarray, inputs: int) -> np.ndarray:
    """(O * I,): embeddings of unit size; projections that keep it, with sharper queries and keys."""
    if "relative_position_bias_table" in key:
        return 0.5 * normal
    if any(name in key for name in EMBEDDINGS):
        return normal
    values = normal * np.sqrt(1 / inputs)
    if key.endswith("in_proj_weight"):
        values[: 2 * inputs * inputs] *= 2  # queries and keys; the values' third stays
    return values * 0.5 if key.endswith("out_proj.weight") else values
