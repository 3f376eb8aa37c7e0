"""Hungarian matching of predictions and targets over (T, H, W); one frame is the case T = 1.

Legend: D decoder layers, B clips, Q queries, K classes, N targets of a clip, T frames, P points, h w H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

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


AT_ONCE = 2**22  # numbers at points, or pixels of targets: the rest follows afterwards, for want of memory

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
    layers, clips, queries = mask_logits.shape[:3]
    owners = [(target.clip, 1) for target in targets]
    where = draws("matching", layers, clips, points, 2, owners=owners).to(mask_logits.device)
    # (D, B, N, S): clips with fewer targets are filled up with empty masks.
    wanted = _target_samples(targets, where, widened(mask_logits.dtype))
    labels = pad_sequence([target.labels for target in targets], batch_first=True)[:, None]
    costs: list[Tensor] = []
    # As many layers at once as stay small.
    at_once = max(1, AT_ONCE // max(1, clips * queries * wanted.shape[-1]))
    for classes, masks, here, answers in zip(
        *(each.split(at_once) for each in (class_logits, mask_logits, where, wanted)), strict=True
    ):
        predicted = sample(at_least_32_bits(masks).flatten(0, 1).flatten(1, 2), here.flatten(0, 1))
        cost = _pairwise_mask_cost(predicted.view(len(masks), clips, queries, -1), answers, weights)
        probabilities = at_least_32_bits(classes).softmax(-1)
        cost = cost - weights.classification * probabilities.gather(3, labels.expand(len(masks), -1, queries, -1))
        # Target by target, so that a clip's costs lie in one piece.
        costs += cost.transpose(2, 3).contiguous()
    counts = [len(target.labels) for target in targets]
    return [[clip[:count].T for clip, count in zip(layer, counts, strict=True)] for layer in costs]


def _target_samples(targets: list[Target], where: Tensor, dtype: torch.dtype) -> Tensor:
    """Targets at the points (D, B, P, 2) of every layer: (D, B, N, S) with N the most of any clip and S = T * P."""
    layers, clips, points = where.shape[:3]
    most, (frames, height, width) = max(len(target.labels) for target in targets), targets[0].masks.shape[1:]
    places = where.transpose(0, 1).reshape(clips, -1, 2)
    at_once = max(1, AT_ONCE // max(1, most * frames * height * width))
    flat = []
    for first in range(0, clips, at_once):
        masks = [target.masks.flatten(1) for target in targets[first : first + at_once]]
        maps = pad_sequence(masks, batch_first=True).to(dtype).view(len(masks), most * frames, height, width)
        flat.append(sample(maps, places[first : first + at_once]))
    return torch.cat(flat).view(clips, most, frames, layers, points).permute(3, 0, 1, 2, 4).flatten(3)


def _pairwise_mask_cost(logits: Tensor, wanted: Tensor, weights: Weights) -> Tensor:
    """logits (..., Q, S) against wanted (..., N, S) at S points -> (..., Q, N)."""
    answers = wanted.mT
    # BCE of logit x and answer y is softplus(x) - x y, so that all pairs need one product.
    bce = (F.softplus(logits).sum(-1, keepdim=True) - logits @ answers) / logits.shape[-1]
    soft = logits.sigmoid()
    dice = 1 - (2 * soft @ answers + 1) / (soft.sum(-1, keepdim=True) + wanted.sum(-1).unsqueeze(-2) + 1)
    return weights.mask * bce + weights.dice * dice


def assign(costs: list[list[Tensor]]) -> list[list[Match]]:
    """The cheapest pairs of each matrix (Q, N), [D][B], after one transfer of all."""
    matrices = [matrix.T for layer in costs for matrix in layer]  # target by target, as they lie
    # Diverged predictions are let through to the loss, which the trainer checks and names.
    flat = torch.cat([matrix.flatten() for matrix in matrices]).nan_to_num(posinf=1e9, neginf=-1e9).cpu().numpy()
    ends = accumulate(matrix.numel() for matrix in matrices)
    arrived = iter([flat[end - one.numel() : end].reshape(one.shape) for end, one in zip(ends, matrices, strict=True)])
    return [[_assign(next(arrived).T) for _ in layer] for layer in costs]


def _assign(cost: NDArray[Any]) -> Match:
    rows, columns = linear_sum_assignment(cost)
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
    found = [match for row in matches for match in row]
    owners = torch.tensor([(layer, clip) for layer, row in enumerate(matches) for clip in range(len(row))]).T
    counts = torch.tensor([len(queries) for queries, _ in found])
    queries = torch.cat([queries for queries, _ in found])
    objects = torch.cat([chosen + first for row in matches for (_, chosen), first in zip(row, firsts, strict=False)])
    whose = owners.repeat_interleave(counts, 1)
    return MatchedPairs(*torch.cat([whose, queries[None], objects[None]]).to(device, non_blocking=True))
