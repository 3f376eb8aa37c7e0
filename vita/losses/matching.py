"""Hungarian matching of predictions and targets over (T, H, W); one frame is the case T = 1.

Legend: D decoder layers, B clips, Q queries, K classes, N targets of a clip, T frames, P points, h w H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vita.losses.points import Draws, sample


@dataclass(frozen=True)
class Weights:
    """Weights of the three terms; the same in the matching cost and in the loss."""

    classification: float = 2.0
    mask: float = 5.0
    dice: float = 5.0


@dataclass(frozen=True)
class Target:
    """The objects of one clip. labels: (N,) int64; masks: (N, T, H, W) bool, at the padded size of the batch."""

    labels: Tensor
    masks: Tensor


Match = tuple[Tensor, Tensor]  # numbers of the matched queries and of their targets, both (M,) int64


@torch.no_grad()
def match(
    class_logits: Tensor, mask_logits: Tensor, targets: list[Target], weights: Weights, points: int, draws: Draws
) -> list[list[Match]]:
    """Optimal pairs, [D][B], for class_logits (D, B, Q, K+1) and mask_logits (D, B, Q, T, h, w)."""
    costs = matching_costs(class_logits, mask_logits, targets, weights, points, draws)
    return [[_assign(cost) for cost in _to_host(layer)] for layer in costs]


def matching_costs(
    class_logits: Tensor, mask_logits: Tensor, targets: list[Target], weights: Weights, points: int, draws: Draws
) -> list[list[Tensor]]:
    """Cost of every pair, [D][B] matrices (Q, N): -probability of the class, BCE and dice over T * P points.

    One set of points serves all frames, queries and targets of a (layer, clip).
    """
    layers, clips = mask_logits.shape[:2]
    where = draws("matching", layers, clips, points, 2).to(mask_logits.device)
    costs: list[list[Tensor]] = []
    for layer in range(layers):
        predicted = _flat_samples(mask_logits[layer].float(), where[layer])
        probabilities = class_logits[layer].float().softmax(-1)
        layer_costs = []
        for clip, target in enumerate(targets):
            wanted = _flat_samples(target.masks[None].float(), where[layer, clip][None])[0]
            mask_cost = _pairwise_mask_cost(predicted[clip], wanted, weights)
            layer_costs.append(mask_cost - weights.classification * probabilities[clip][:, target.labels])
        costs.append(layer_costs)
    return costs


def _flat_samples(maps: Tensor, points: Tensor) -> Tensor:
    """maps (B, Q, T, h, w) at points (B, P, 2) -> (B, Q, T * P)."""
    return sample(maps.flatten(1, 2), points).unflatten(1, maps.shape[1:3]).flatten(2)


def _pairwise_mask_cost(logits: Tensor, wanted: Tensor, weights: Weights) -> Tensor:
    """logits (Q, S) against wanted (N, S) at S points -> (Q, N)."""
    total = max(logits.shape[1], 1)
    bce = (F.softplus(-logits) @ wanted.T + F.softplus(logits) @ (1 - wanted).T) / total
    soft = logits.sigmoid()
    dice = 1 - (2 * soft @ wanted.T + 1) / (soft.sum(1)[:, None] + wanted.sum(1)[None] + 1)
    return weights.mask * bce + weights.dice * dice


def _to_host(costs: list[Tensor]) -> list[Tensor]:
    """One transfer for all clips of a layer."""
    flat = torch.cat([cost.flatten() for cost in costs]).cpu()
    return [part.view_as(cost) for part, cost in zip(flat.split([c.numel() for c in costs]), costs, strict=True)]


def _assign(cost: Tensor) -> Match:
    # Diverged predictions are let through to the loss, which the trainer checks and names.
    rows, columns = linear_sum_assignment(cost.nan_to_num(posinf=1e9, neginf=-1e9).numpy())
    return torch.from_numpy(rows), torch.from_numpy(columns)
