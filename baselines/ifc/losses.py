"""IFC's set loss: dense masks, not points; matched by class probability and dice alone.

Legend: D decoder layers, B clips, Q queries, K classes, N targets of a clip, R matched instances of all clips,
T frames, h w positions of the predicted masks, H W pixels, H' W' positions of the resized targets.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.blocks.losses.matching import Match, MatchedPairs, Target, Weights, assign, matched_pairs
from vita.blocks.losses.set_criterion import (
    ObjectCounts,
    SetLoss,
    classification_loss,
    dice_loss,
    matched_logits,
    nothing_of,
)
from vita.blocks.precision import at_least_32_bits, full_precision

ALPHA, GAMMA = 0.25, 2  # of the focal loss: share of the foreground, and how little easy positions count


@dataclass(frozen=True)
class DenseCriterion:
    """Matching and loss with one set of constants.

    stride: of the targets, in pixels: masks are compared where one value stands for stride x stride pixels.
    """

    weights: Weights = field(default_factory=lambda: Weights(classification=1.0, mask=3.0, dice=3.0))
    no_object_weight: float = 0.1
    stride: int = 4

    @full_precision()
    def __call__(
        self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target], whole: ObjectCounts
    ) -> tuple[SetLoss, list[list[Match]]]:
        """class_logits (D, B, Q, K+1), mask_logits (D, B, Q, T, h, w), B targets at (H, W) -> losses, matches [D][B].

        All terms are sums over these targets, divided by what `whole` says of the batch they are a part of. Scores and
        losses are computed without autocast and in 32 bits at least: a product over all positions of a clip does not
        fit into 16.
        """
        soft = [self.resized(target) for target in targets]
        matches = self.match(class_logits, mask_logits, soft)
        pairs = matched_pairs(matches, soft, mask_logits.device)
        classification = classification_loss(at_least_32_bits(class_logits), soft, pairs, whole, self.no_object_weight)
        focal, dice = _mask_losses(mask_logits, soft, pairs)
        return SetLoss(classification, focal / whole.masks, dice / whole.masks, self.weights), matches

    def resized(self, target: Target) -> Target:
        """Masks (N, T, H, W) -> soft masks (N, T, H', W'), sizes rounded up; bilinear, not averaged."""
        size = [-(-edge // self.stride) for edge in target.masks.shape[2:]]
        return replace(target, masks=_resize(target.masks.to(torch.get_default_dtype()), size))

    @torch.no_grad()
    def match(self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target]) -> list[list[Match]]:
        """Optimal pairs, [D][B], for targets at the loss's stride."""
        scores = self.scores(class_logits, mask_logits, targets)
        return assign([[-clip for clip in layer] for layer in scores])

    def scores(self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target]) -> list[list[Tensor]]:
        """How well each query fits each target, [D][B] matrices (Q, N): class probability and weighted dice."""
        return [
            [self._pairs(*clip) for clip in zip(*map(at_least_32_bits, layer), targets, strict=True)]
            for layer in zip(class_logits, mask_logits, strict=True)
        ]

    def _pairs(self, class_logits: Tensor, mask_logits: Tensor, target: Target) -> Tensor:
        """One layer and clip: (Q, K+1) and (Q, T, h, w) -> (Q, N)."""
        soft = _resize(mask_logits, target.masks.shape[2:]).sigmoid().flatten(1)
        wanted = target.masks.flatten(1)
        dice = (2 * soft @ wanted.T + 1) / (soft.sum(1, keepdim=True) + wanted.sum(1) + 1)
        probability = class_logits.softmax(1)[:, target.labels]
        return self.weights.classification * probability + self.weights.dice * dice


def _resize(masks: Tensor, size: torch.Size | list[int]) -> Tensor:
    """(N, T, h, w) -> (N, T, *size). Of no masks at all there is nothing to resize, and torch would refuse."""
    if not len(masks):
        return masks.new_zeros(*masks.shape[:2], *size)
    return F.interpolate(masks, size=tuple(size), mode="bilinear", align_corners=False)


def _mask_losses(logits: Tensor, targets: list[Target], pairs: MatchedPairs) -> tuple[Tensor, Tensor]:
    """Sums over matched instances of the focal loss, a mean over T * H' * W', and of the dice loss: (D,) each."""
    if not len(pairs):
        return nothing_of(logits), nothing_of(logits)
    predicted = matched_logits(logits, pairs)  # (D * R * T, h, w)
    wanted = torch.cat([target.masks for target in targets])[pairs.objects].flatten(0, 1)  # (D * R * T, H', W')
    rows = (len(logits), -1, logits.shape[3] * wanted[0].numel())
    logit = _resize(predicted[:, None], wanted.shape[1:]).reshape(rows)
    answer = wanted.reshape(rows)
    soft = logit.sigmoid()
    certainty = soft * answer + (1 - soft) * (1 - answer)
    balance = ALPHA * answer + (1 - ALPHA) * (1 - answer)
    entropy = F.binary_cross_entropy_with_logits(logit, answer, reduction="none")
    focal = (balance * (1 - certainty) ** GAMMA * entropy).mean(2)
    return focal.sum(1), dice_loss(soft, answer).sum(1)
