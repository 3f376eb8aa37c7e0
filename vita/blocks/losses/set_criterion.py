"""The set loss over (T, H, W) that serves the frame level (T = 1), VITA and video decoders alike.

Legend: D decoder layers, B clips, Q queries, K classes, T frames, R matched rows of a layer, P points, h w pixels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor

from vita.blocks.losses.matching import Match, MatchedPairs, Target, Weights, match, matched_pairs
from vita.blocks.losses.point_sampling import Draws, sample, uncertain_points
from vita.blocks.precision import at_least_32_bits, full_precision
from vita.core.contract import LossTerm


@dataclass(frozen=True)
class SetCriterion:
    """Matching and loss with one set of constants.

    frames: "joint" treats the T * P points of an instance as one sample (VITA); "separate" treats every
    (instance, frame) as a sample of its own, so that the loss grows with T (Mask2Former-VIS).
    """

    points: int = 12544
    oversample: float = 3.0
    importance: float = 0.75
    no_object_weight: float = 0.1
    weights: Weights = field(default_factory=Weights)
    frames: Literal["joint", "separate"] = "joint"

    @full_precision()
    def __call__(
        self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target], num_masks: float, draws: Draws
    ) -> tuple[SetLoss, list[list[Match]]]:
        """class_logits (D, B, Q, K+1), mask_logits (D, B, Q, T, h, w), B targets -> losses and matches [D][B].

        Mask terms are sums over matched instances divided by `num_masks`. Costs, points and losses are computed
        without autocast and in 32 bits at least: a product over all points of a clip does not fit into 16.
        """
        matches = match(class_logits, mask_logits, targets, self.weights, self.points, draws)
        pairs = matched_pairs(matches, targets, mask_logits.device)
        classification = classification_loss(at_least_32_bits(class_logits), targets, pairs, self.no_object_weight)
        mask, dice = self._masks(mask_logits, targets, pairs, draws)
        return SetLoss(classification, mask / num_masks, dice / num_masks, self.weights), matches

    def _masks(self, logits: Tensor, targets: list[Target], pairs: MatchedPairs, draws: Draws) -> tuple[Tensor, Tensor]:
        """Sums over matched instances of BCE and dice, (D,) each, at points of uncertain logits."""
        layers, frames = len(logits), logits.shape[3]
        predicted, wanted = matched_masks(logits, targets, pairs)  # (D * R * T, h, w), (D * R * T, H, W)
        if not len(predicted):
            return nothing_of(logits), nothing_of(logits)
        where = uncertain_points(predicted.detach(), self.points, self.oversample, self.importance, draws)
        rows = (layers, -1, frames * self.points if self.frames == "joint" else self.points)
        answer = sample(wanted[:, None].to(predicted.dtype), where).reshape(rows)
        logit = sample(predicted[:, None], where).reshape(rows)
        bce = F.binary_cross_entropy_with_logits(logit, answer, reduction="none").mean(2)
        return bce.sum(1), dice_loss(logit.sigmoid(), answer).sum(1)


def dice_loss(soft: Tensor, answer: Tensor) -> Tensor:
    """How little masks (D, R, S) of S values between 0 and 1 overlap: (D, R); one is added to avoid a division by 0."""
    return 1 - (2 * (soft * answer).sum(2) + 1) / (soft.sum(2) + answer.sum(2) + 1)


@dataclass(frozen=True)
class SetLoss:
    """Unweighted losses of every decoder layer, (D,) each, and the weights they enter the objective with."""

    classification: Tensor
    mask: Tensor
    dice: Tensor
    weights: Weights

    def terms(self, level: str) -> list[LossTerm]:
        """One term a kind: its sum over layers (deep supervision gives all layers the same weight)."""
        parts = (
            ("classification", self.classification, self.weights.classification),
            ("mask", self.mask, self.weights.mask),
            ("dice", self.dice, self.weights.dice),
        )
        return [LossTerm(f"{level}_{name}", value.sum(), weight) for name, value, weight in parts]


def classification_loss(logits: Tensor, targets: list[Target], pairs: MatchedPairs, no_object_weight: float) -> Tensor:
    """Cross-entropy of every layer, (D,): a mean weighted by class, unmatched queries towards "no object"."""
    no_object = logits.shape[-1] - 1
    wanted = torch.full(logits.shape[:-1], no_object, device=logits.device)
    labels = torch.cat([target.labels for target in targets])
    wanted[pairs.layers, pairs.clips, pairs.queries] = labels[pairs.objects]
    weight = logits.new_ones(no_object + 1)
    weight[no_object] = no_object_weight
    return torch.stack(
        [F.cross_entropy(x.flatten(0, 1), y.flatten(), weight) for x, y in zip(logits, wanted, strict=True)]
    )


def matched_masks(logits: Tensor, targets: list[Target], pairs: MatchedPairs) -> tuple[Tensor, Tensor]:
    """Matched masks of all layers, clips and frames as rows, layer by layer; every layer has the same number."""
    if not len(pairs):
        return logits.new_zeros(0), logits.new_zeros(0)
    # One indexing for all: the gradient of each would fill a tensor of the size of all logits.
    predicted = logits[pairs.layers, pairs.clips, pairs.queries]
    wanted = torch.cat([target.masks for target in targets])[pairs.objects]
    return at_least_32_bits(predicted.flatten(0, 1)), wanted.flatten(0, 1)


def nothing_of(logits: Tensor) -> Tensor:
    """Zeros (D,) that hang in the graph of logits (D, ...): losses without a target, for several processes."""
    return at_least_32_bits(logits).flatten(1).sum(1) * 0.0  # the sum of half-precision logits may be infinite


def average_count(count: int, device: torch.device) -> float:
    """A number of masks averaged over processes, and only then kept from falling below 1."""
    if not (dist.is_available() and dist.is_initialized()):
        return max(float(count), 1.0)  # which no device needs to be asked for
    total = torch.tensor(float(count), device=device)
    dist.all_reduce(total)
    return max(total.item() / dist.get_world_size(), 1.0)
