"""IFC held against recorded outputs of its official code: training mode, losses and gradients.

Legend: F images, B clips, T frames, D decoder layers, N instances, K classes, H W pixels, h w positions of a mask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vita.blocks.losses.matching import Match, Target
from vita.blocks.losses.set_criterion import ObjectCounts, SetLoss
from vita.core.contract import Clip, Losses
from vita.official.checkpoints.state_dict import official_names_of
from vita.official.conformance.check import EXACT, compare, compare_named, compare_numbers, held
from vita.official.conformance.recording import Facts, Tensors, recorded_clips
from vita.official.conformance.training_step import (
    Level,
    Limits,
    compare_assignments,
    compare_terms,
    gradient_checks,
    in_their_place,
    target_pairs,
)
from vita.official.contract import Check, ReferenceAdapter
from vita_baselines.ifc.losses import DenseCriterion
from vita_baselines.ifc.method import Ifc
from vita_baselines.ifc.official.conformance_parts import MASK_LOGITS, backbone_checks, clip_inside

LEVEL = Level("clips", "criterion", "HungarianMatcher", "SetCriterion", "losses_unweighted", "loss")
NORMS = "per_parameter_l2"


@torch.no_grad()
def output_checks(model: Ifc, tensors: Tensors, group: str) -> Iterator[Check]:
    """Recorded images (F, 3, H, W), clip by clip; every decoder layer predicts."""
    images = tensors["normalised_padded_input"]
    clips = len(next(iter(tensors.listed("pred_logits").values())))
    sizes = unpadded_sizes(images)
    yield from backbone_checks(model, images, sizes, tensors, group)
    inside, class_logits, mask_logits = clip_inside(model, images, clips, sizes)
    yield from compare_named({**inside, "pred_logits": list(class_logits)}, tensors, group)
    yield from compare_named({"pred_masks": list(mask_logits)}, tensors, group, MASK_LOGITS)


def unpadded_sizes(images: Tensor) -> list[tuple[int, int]]:
    """Height and width of each image before it was padded with zeros."""
    used = (images != 0).any(1)  # (F, H, W)
    return [(1 + int(image.any(1).nonzero()[-1]), 1 + int(image.any(0).nonzero()[-1])) for image in used]


@dataclass
class Listening:
    """A criterion whose targets, scores, matches and losses can be looked at afterwards."""

    criterion: DenseCriterion

    def __call__(
        self, class_logits: Tensor, mask_logits: Tensor, targets: list[Target], whole: ObjectCounts
    ) -> tuple[SetLoss, list[list[Match]]]:
        """As the criterion."""
        self.targets = [self.criterion.resized(target) for target in targets]
        with torch.no_grad():
            self.scores = self.criterion.scores(class_logits, mask_logits, self.targets)
        self.loss, self.matches = self.criterion(class_logits, mask_logits, targets, whole)
        return self.loss, self.matches


def batch_checks(model: Ifc, tensors: Tensors, facts: Facts, group: str, limits: Limits) -> tuple[Losses, list[Check]]:
    """The objective on a recorded batch: targets, scores of all pairs, matches, every loss term and its weight."""
    clips = recorded_clips(tensors, absent_class=model.class_head.out_features - 1)
    step, losses = replay(model, clips)
    return losses, [
        compare(f"{group} targets", target_pairs(clips, step.targets, tensors), EXACT),
        *_matching_checks(step, tensors, facts, group, limits),
        compare_terms(f"{group} losses", step.loss, LEVEL, facts[LEVEL.losses], limits.losses),
        *_weight_checks(losses, facts, group, limits),
    ]


def replay(model: Ifc, clips: Sequence[Clip]) -> tuple[Listening, Losses]:
    """The objective on a batch, and what the criterion saw and did."""
    step = Listening(model.criterion)
    with in_their_place(model, {"criterion": step}):
        return step, model(clips)


def _matching_checks(step: Listening, tensors: Tensors, facts: Facts, group: str, limits: Limits) -> Iterator[Check]:
    """The official code treats the last layer first."""
    scores, matches = ([clip for layer in [x[-1], *x[:-1]] for clip in layer] for x in (step.scores, step.matches))
    recorded, assignments = tensors.numbered("score_matrix"), list(facts["assignments"])
    complete = len(assignments) == len(scores) and len(recorded) in (0, len(scores))
    yield held(f"{group} calls of the matcher", complete)
    if complete:
        if recorded:
            yield compare(f"{group} scores", zip(scores, recorded, strict=True), limits.scores)
        yield compare_assignments(f"{group} assignments", matches, assignments)


def _weight_checks(losses: Losses, facts: Facts, group: str, limits: Limits) -> Iterator[Check]:
    """The weight of each term, in every layer; then the total of what carries a gradient."""
    kinds = {"loss_ce": "clip_classification", "loss_mask": "clip_mask", "loss_dice": "clip_dice"}
    ours = {term.name: term.weight for term in losses.terms}
    recorded = {key: weight for key, weight in facts.get("weight_dict", {}).items()}
    mine = [ours.get(kinds.get("_".join(key.split("_")[:2]), ""), 0.0) for key in recorded]
    if recorded:
        yield compare_numbers(f"{group} loss weights", mine, list(recorded.values()), EXACT)
    total = facts["total_weighted_losses_only"]
    yield compare_numbers(f"{group} total", [losses.total.item()], [total], limits.losses)


def ifc_gradient_checks(
    model: Ifc, official: ReferenceAdapter, facts: Mapping[str, Any], whole: Mapping[str, Tensor], group: str
) -> Iterator[Check]:
    """As `gradient_checks`; and which parameters are trained, as recorded."""
    norms = next(value for key, value in facts.items() if key.startswith(NORMS))
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    recorded = {key for key, norm in norms.items() if norm is not None}
    yield held(f"{group} trained parameters", official_names_of(trained, official).keys() == recorded)
    yield from gradient_checks(model, official, {"total": facts["total"], NORMS: norms}, whole, group)
