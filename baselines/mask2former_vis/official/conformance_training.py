"""Mask2Former-VIS held against recorded outputs of its official code: predictions, losses and gradients.

Legend: B clips, T frames, F = B * T images, N queries, K classes, h w positions of the stride-4 map, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from baselines.mask2former_vis.decoder import Prediction
from baselines.mask2former_vis.network import Mask2FormerVis
from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import Clip, Losses
from vita.official.conformance.check import EXACT, MASK_LOGITS, Pair, compare, compare_named
from vita.official.conformance.recording import Facts, Tensors, recorded_clips
from vita.official.conformance.training_step import Level, Limits, replay, step_checks
from vita.official.contract import Check

LEVEL = Level("video", "criterion", "VideoHungarianMatcher", "VideoSetCriterion", "losses_unweighted", "loss")


def predicted(predictions: list[Prediction], tensors: Tensors, group: str) -> Iterator[Check]:
    """Class and mask logits at every depth of the decoder."""
    logits = {"decoder.pred_logits": [prediction.class_logits for prediction in predictions]}
    masks = {"decoder.pred_masks": [prediction.mask_logits for prediction in predictions]}
    yield from compare_named(logits, tensors, group)
    yield from compare_named(masks, tensors, group, MASK_LOGITS)


@torch.no_grad()
def output_checks(model: Mask2FormerVis, tensors: Tensors, group: str) -> Iterator[Check]:
    """Predictions in training mode for recorded images (F, 3, H, W), clip by clip."""
    clips = len(next(iter(tensors.listed("decoder.pred_logits").values())))
    maps = model.pixel_level(tensors["normalised_padded_input"])
    yield from predicted(list(model.decoder(maps, clips)), tensors, group)


def batch_checks(
    model: Mask2FormerVis, tensors: Tensors, facts: Facts, group: str, limits: Limits
) -> tuple[Losses, list[Check]]:
    """The objective on a recorded batch: targets, costs, matches, points and every loss term."""
    clips = recorded_clips(tensors, absent_class=model.decoder.class_head.out_features - 1)
    targets = compare(f"{group} targets", _target_pairs(model, clips, tensors), EXACT)
    step = replay(model, clips, tensors, facts, [LEVEL])
    return step.losses, [targets, *step_checks(step, tensors, facts, group, limits)]


def _target_pairs(model: Mask2FormerVis, clips: Sequence[Clip], tensors: Tensors) -> list[Pair]:
    images = normalise_and_pad([clip.frames for clip in clips])
    targets = model.targets(clips, (images.shape[2], images.shape[3]))
    pairs: list[Pair] = []
    for number, (clip, target) in enumerate(zip(clips, targets, strict=True)):
        ours = {"labels": target.labels, "ids": clip.ids, "masks": target.masks}
        pairs += tensors.pairs(ours, f"target.clip{number}.")
    return pairs
