"""Hungarian matching of predictions and targets over (T, H, W); one frame is the case T = 1.

Legend: D decoder layers, B clips, Q queries, K classes, N targets of a clip, T frames, P points, h w H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vita.blocks.host_transfer import on_host
from vita.blocks.losses.point_sampling import Draws, sample
from vita.blocks.precision import at_least_32_bits, widened


@dataclass(frozen=True)
class Weights:
    """Weights of the three terms; the same in the matching cost and in the loss."""

    classification: float = 2.0
    mask: float = 5.0
    dice: float = 5.0


@dataclass(frozen=True)
class Target:
    """The objects of one clip. labels: (N,) int64; masks: (N, T, H, W) bool, at the padded size of the batch.

    clip: number in the pass of the clip that they are of; a clip may have several targets, of a frame each, say.
    """

    labels: Tensor
    masks: Tensor
    clip: int = 0


Match = tuple[Tensor, Tensor]  # numbers of the matched queries and of their targets, both (M,) int64


@torch.no_grad()
def match(
    class_logits: Tensor, mask_logits: Tensor, targets: list[Target], weights: Weights, points: int, draws: Draws
) -> list[list[Match]]:
    """Optimal pairs, [D][B], for class_logits (D, B, Q, K+1) and mask_logits (D, B, Q, T, h, w)."""
    return assign(matching_costs(class_logits, mask_logits, targets, weights, points, draws))


def matching_costs(
    class_logits: Tensor, mask_logits: Tensor, targets: list[Target], weights: Weights, points: int, draws: Draws
) -> list[list[Tensor]]:
    """Cost of every pair, [D][B] matrices (Q, N): -probability of the class, BCE and dice over T * P points.

    One set of points serves all frames, queries and targets of a (layer, clip).
    """
    layers, clips = mask_logits.shape[:2]
    owners = [(target.clip, 1) for target in targets]
    where = draws("matching", layers, clips, points, 2, owners=owners).to(mask_logits.device)
    counts = [len(target.labels) for target in targets]
    # (D, B, N, S): clips with fewer targets are filled up with empty masks.
    wanted = _target_samples(targets, where, widened(mask_logits.dtype))
    labels = pad_sequence([target.labels for target in targets], batch_first=True)
    labels = labels[:, None].expand(-1, class_logits.shape[2], -1)
    costs = []
    for layer in range(layers):
        predicted = sample(at_least_32_bits(mask_logits[layer]).flatten(1, 2), where[layer])
        cost = _pairwise_mask_cost(predicted.view(clips, -1, wanted.shape[-1]), wanted[layer], weights)
        probabilities = at_least_32_bits(class_logits[layer]).softmax(-1)
        cost = cost - weights.classification * probabilities.gather(2, labels)
        # Target by target, so that a clip's costs lie in one piece.
        costs.append([clip[:count].T for clip, count in zip(cost.transpose(1, 2).contiguous(), counts, strict=True)])
    return costs


def _target_samples(targets: list[Target], where: Tensor, dtype: torch.dtype) -> Tensor:
    """Targets at the points (D, B, P, 2) of every layer: (D, B, N, S) with N the most of any clip and S = T * P."""
    layers, _, points = where.shape[:3]
    flat = []
    for clip, target in enumerate(targets):
        count, frames = target.masks.shape[:2]
        values = sample(target.masks.flatten(0, 1)[None].to(dtype), where[:, clip].reshape(1, -1, 2))
        flat.append(values.view(count, frames, layers, points))
    return pad_sequence(flat, batch_first=True).permute(3, 0, 1, 2, 4).flatten(3)


def _pairwise_mask_cost(logits: Tensor, wanted: Tensor, weights: Weights) -> Tensor:
    """logits (B, Q, S) against wanted (B, N, S) at S points -> (B, Q, N)."""
    answers = wanted.transpose(1, 2)
    # BCE of logit x and answer y is softplus(x) - x y, so that all pairs need one product.
    bce = (F.softplus(logits).sum(2, keepdim=True) - logits @ answers) / logits.shape[2]
    soft = logits.sigmoid()
    dice = 1 - (2 * soft @ answers + 1) / (soft.sum(2, keepdim=True) + wanted.sum(2)[:, None] + 1)
    return weights.mask * bce + weights.dice * dice


def assign(costs: list[list[Tensor]]) -> list[list[Match]]:
    """The cheapest pairs of each matrix (Q, N), [D][B], after one transfer of all."""
    arrived = iter(on_host([matrix.T for layer in costs for matrix in layer]))  # target by target, as they lie
    return [[_assign(next(arrived).T) for _ in layer] for layer in costs]


def _assign(cost: Tensor) -> Match:
    # Diverged predictions are let through to the loss, which the trainer checks and names.
    rows, columns = linear_sum_assignment(cost.nan_to_num(posinf=1e9, neginf=-1e9).numpy())
    return torch.from_numpy(rows), torch.from_numpy(columns)


@dataclass(frozen=True)
class MatchedPairs:
    """All pairs of all layers and clips, layer by layer, as index tensors (M,) on the device of the predictions."""

    layers: Tensor
    clips: Tensor
    queries: Tensor
    objects: Tensor  # numbers among the targets of all clips, put one after the other

    def __len__(self) -> int:
        return len(self.queries)


def matched_pairs(matches: list[list[Match]], targets: list[Target], device: torch.device) -> MatchedPairs:
    """The matches [D][B] in one piece, which takes one copy to the device."""
    firsts = [0, *accumulate(len(target.labels) for target in targets)]
    pairs = [
        torch.stack([torch.full_like(queries, layer), torch.full_like(queries, clip), queries, chosen + firsts[clip]])
        for layer, row in enumerate(matches)
        for clip, (queries, chosen) in enumerate(row)
    ]
    return MatchedPairs(*torch.cat(pairs, 1).to(device, non_blocking=True))
