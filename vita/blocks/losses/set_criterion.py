"""The set loss over (T, H, W) that serves the frame level (T = 1), VITA and video decoders alike.

Legend: D decoder layers, B clips, Q queries, K classes, T frames, R matched rows of a layer, P points, h w pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.blocks.losses.matching import Match, MatchedPairs, Target, Weights, match, matched_pairs
from vita.blocks.losses.point_sampling import Draws, sample, sample_masks, uncertain_points
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
        self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target], whole: ObjectCounts, draws: Draws
    ) -> tuple[SetLoss, list[list[Match]]]:
        """class_logits (D, B, Q, K+1), mask_logits (D, B, Q, T, h, w), B targets -> losses and matches [D][B].

        All terms are sums over these targets, divided by what `whole` says of their batch. Costs, points and losses are
        computed without autocast and in 32 bits at least: a product over all points of a clip does not fit into 16.
        """
        matches = match(class_logits, mask_logits, targets, self.weights, self.points, draws)
        pairs = matched_pairs(matches, targets, mask_logits.device)
        classification = classification_loss(
            at_least_32_bits(class_logits), targets, pairs, whole, self.no_object_weight
        )
        frames = mask_logits.shape[3]
        owners = [(target.clip, len(found) * frames) for target, (found, _) in zip(targets, matches[0], strict=True)]
        mask, dice = self._masks(mask_logits, targets, pairs, partial(draws, owners=owners))
        return SetLoss(classification, mask / whole.masks, dice / whole.masks, self.weights), matches

    def _masks(self, logits: Tensor, targets: list[Target], pairs: MatchedPairs, draws: Draws) -> tuple[Tensor, Tensor]:
        """Sums over matched instances of BCE and dice, (D,) each, at points of uncertain logits."""
        layers, frames = len(logits), logits.shape[3]
        if not len(pairs):
            return nothing_of(logits), nothing_of(logits)
        predicted = matched_logits(logits, pairs)  # (D * R * T, h, w)
        where = uncertain_points(predicted.detach(), self.points, self.oversample, self.importance, draws)
        rows = (layers, -1, frames * self.points if self.frames == "joint" else self.points)
        masks = torch.cat([target.masks for target in targets]).flatten(0, 1)
        first = pairs.objects[:, None] * frames + torch.arange(frames, device=logits.device)
        answer = sample_masks(masks, first.flatten(), where.to(predicted.dtype)).reshape(rows)
        logit = sample(predicted[:, None], where).reshape(rows)
        bce = F.binary_cross_entropy_with_logits(logit, answer, reduction="none").mean(2)
        return bce.sum(1), dice_loss(logit.sigmoid(), answer).sum(1)


def dice_loss(soft: Tensor, answer: Tensor) -> Tensor:
    """How little masks (D, R, S) of S values between 0 and 1 overlap: (D, R); one is added to avoid a division by 0."""
    return 1 - (2 * (soft * answer).sum(2) + 1) / (soft.sum(2) + answer.sum(2) + 1)


@dataclass(frozen=True)
class ObjectCounts:
    """Objects of every sample (a clip, or a frame) of a whole batch, of which a pass through the network sees a part.

    taught: those whose class is taught, where it is not that of all of them.
    """

    objects: Sequence[int]
    taught: Sequence[int] | None = None

    @property
    def masks(self) -> float:
        """Number of all objects, 1 where there is none."""
        return float(max(sum(self.objects), 1))

    def class_weight(self, queries: int, no_object_weight: float) -> float:
        """Sum of the weights of all queries' classes: every object takes a query of its sample, as long as any is left.

        Of a sample with more objects than queries of which not all are taught, those that are count as matched.
        """
        taught = self.objects if self.taught is None else self.taught
        taken = sum(min(count, queries) for count in taught)
        return taken + no_object_weight * (len(self.objects) * queries - taken)


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


def classification_loss(
    logits: Tensor, targets: list[Target], pairs: MatchedPairs, whole: ObjectCounts, no_object_weight: float
) -> Tensor:
    """Cross-entropy of every layer, (D,), unmatched queries towards "no object".

    It is a mean weighted by class: a sum over these samples, divided by the weights of all queries of the whole batch.
    """
    no_object = logits.shape[-1] - 1
    wanted = torch.full(logits.shape[:-1], no_object, device=logits.device)
    labels = torch.cat([target.labels for target in targets])
    wanted[pairs.layers, pairs.clips, pairs.queries] = labels[pairs.objects]
    weight = logits.new_ones(no_object + 1)
    weight[no_object] = no_object_weight
    total = whole.class_weight(logits.shape[-2], no_object_weight)
    each = F.cross_entropy(logits.flatten(0, 2), wanted.flatten(), weight, reduction="none")
    return each.view(len(logits), -1).sum(1) / total


def matched_logits(logits: Tensor, pairs: MatchedPairs) -> Tensor:
    """Matched masks of all layers, clips and frames as rows, layer by layer; every layer has the same number."""
    # One indexing for all: the gradient of each would fill a tensor of the size of all logits.
    return at_least_32_bits(logits[pairs.layers, pairs.clips, pairs.queries].flatten(0, 1))


def nothing_of(logits: Tensor) -> Tensor:
    """Zeros (D,) that hang in the graph of logits (D, ...): losses without a target, for several processes."""
    return at_least_32_bits(logits).flatten(1).sum(1) * 0.0  # the sum of half-precision logits may be infinite
