"""The plain ways that `card_speed.py` measures against: as the library computes, and losses that look up every index
where they need it.

Legend: D decoder layers, B clips (of one frame), Q queries, K classes, C channels, N targets of a clip, h w H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from vita.blocks.losses.matching import Match, Target, matching_costs
from vita.blocks.losses.point_sampling import Draws, sample, uncertain_points
from vita.blocks.losses.set_criterion import SetCriterion, dice_loss
from vita.blocks.precision import full_precision
from vita.core.contract import Clip


class PlainFrozenBatchNorm(nn.Module):
    """A product and a sum, both in the precision of the statistics."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.rand(channels) + 0.5)
        self.eps = 1e-5

    def forward(self, maps: Tensor) -> Tensor:
        """(F, C, h, w) -> (F, C, h, w)."""
        scale = self.get_buffer("weight") * (self.get_buffer("running_var") + self.eps).rsqrt()
        shift = self.get_buffer("bias") - self.get_buffer("running_mean") * scale
        return maps * scale[:, None, None] + shift[:, None, None]


@dataclass(frozen=True)
class PlainCriterion:
    """`SetCriterion`, asking the device for every layer's costs, every clip's labels and every clip's masks."""

    constants: SetCriterion

    @full_precision()
    def __call__(
        self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target], num_masks: float, draws: Draws
    ) -> tuple[Tensor, Tensor, Tensor]:
        """class_logits (D, B, Q, K+1), mask_logits (D, B, Q, 1, h, w) -> classification, mask and dice losses, (D,)."""
        c = self.constants
        costs = matching_costs(class_logits.detach(), mask_logits.detach(), targets, c.weights, c.points, draws)
        matches = [[_assigned(clip) for clip in layer] for layer in costs]
        mask, dice = self._masks(mask_logits, targets, matches, draws)
        return self._classes(class_logits, targets, matches), mask / num_masks, dice / num_masks

    def _classes(self, logits: Tensor, targets: list[Target], matches: list[list[Match]]) -> Tensor:
        no_object = logits.shape[-1] - 1
        wanted = torch.full(logits.shape[:-1], no_object, device=logits.device)
        for layer, clips in enumerate(matches):
            for clip, (queries, chosen) in enumerate(clips):
                wanted[layer, clip, queries] = targets[clip].labels[chosen]
        weight = logits.new_ones(no_object + 1)
        weight[no_object] = self.constants.no_object_weight
        pairs = zip(logits, wanted, strict=True)
        return torch.stack([F.cross_entropy(x.flatten(0, 1), y.flatten(), weight) for x, y in pairs])

    def _masks(
        self, logits: Tensor, targets: list[Target], matches: list[list[Match]], draws: Draws
    ) -> tuple[Tensor, Tensor]:
        c = self.constants
        matched = [(d, b, *pair) for d, layer in enumerate(matches) for b, pair in enumerate(layer)]
        layers = torch.cat([torch.full_like(queries, d) for d, _, queries, _ in matched])
        clips = torch.cat([torch.full_like(queries, b) for _, b, queries, _ in matched])
        predicted = logits[layers, clips, torch.cat([queries for _, _, queries, _ in matched])].flatten(0, 1)
        wanted = torch.cat([targets[b].masks[chosen] for _, b, _, chosen in matched]).flatten(0, 1)
        where = uncertain_points(predicted.detach(), c.points, c.oversample, c.importance, draws)
        answer = sample(wanted[:, None].to(predicted.dtype), where).reshape(len(logits), -1, c.points)
        logit = sample(predicted[:, None], where).reshape(answer.shape)
        bce = F.binary_cross_entropy_with_logits(logit, answer, reduction="none").mean(2)
        return bce.sum(1), dice_loss(logit.sigmoid(), answer).sum(1)


def _assigned(cost: Tensor) -> Match:
    rows, columns = linear_sum_assignment(cost.cpu().numpy())
    return torch.from_numpy(rows), torch.from_numpy(columns)


def plain_frame_targets(clips: list[Clip]) -> list[Target]:
    """The visible instances of every frame, looked up frame by frame; all clips have one size."""
    targets = []
    for clip in clips:
        for frame in range(clip.masks.shape[1]):
            visible = clip.ids[:, frame] != -1
            targets.append(Target(clip.labels[visible], clip.masks[visible, frame, None]))
    return targets
