"""Mask2Former-VIS held against recorded outputs of its official code: predictions, losses and gradients.

Legend: B clips, T frames, F = B * T images, N queries, K classes, h w positions of the stride-4 map, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from baselines.mask2former_vis.decoder import Prediction
from baselines.mask2former_vis.network import Mask2FormerVis
from vita.blocks.frame_detector import normalise_and_pad
from vita.core.contract import Clip, Losses
from vita.official.conformance.check import EXACT, MASK_LOGITS, VALUES, Pair, Tolerance, compare
from vita.official.conformance.detector import recorded_list
from vita.official.conformance.recording import Facts, Recording, Tensors, recorded_clips
from vita.official.conformance.training_step import SINGLE, Level, Limits, gradient_checks, replay, step_checks
from vita.official.contract import Check, OfficialCounterpart

LEVEL = Level("video", "criterion", "VideoHungarianMatcher", "VideoSetCriterion", "losses_unweighted", "loss")


def compared(
    ours: Mapping[str, Sequence[Tensor]], tensors: Tensors, group: str, tolerance: Tolerance = VALUES
) -> Iterator[Check]:
    """One line for each name of which the recording holds something: the name itself, or numbered from 0."""
    for name, values in ours.items():
        recorded = recorded_list(tensors, name)
        pairs = [(values[i] if i < len(values) else torch.zeros(0), tensor) for i, tensor in recorded.items()]
        if pairs:
            yield compare(f"{group} {name}", pairs, tolerance)


def predicted(predictions: list[Prediction], tensors: Tensors, group: str) -> Iterator[Check]:
    """Class and mask logits at every depth of the decoder."""
    logits = {"decoder.pred_logits": [prediction.class_logits for prediction in predictions]}
    masks = {"decoder.pred_masks": [prediction.mask_logits for prediction in predictions]}
    yield from compared(logits, tensors, group)
    yield from compared(masks, tensors, group, MASK_LOGITS)


@torch.no_grad()
def output_checks(model: Mask2FormerVis, tensors: Tensors, group: str) -> Iterator[Check]:
    """Predictions in training mode for recorded images (F, 3, H, W), clip by clip."""
    clips = len(next(iter(recorded_list(tensors, "decoder.pred_logits").values())))
    maps = model.pixel_level(tensors["normalised_padded_input"])
    yield from predicted(list(model.decoder(maps, clips)), tensors, group)


def loss_checks(
    model: Mask2FormerVis, official: OfficialCounterpart, recording: Recording, stem: str
) -> Iterator[Check]:
    """A recorded batch: targets, costs, matches, points, losses; gradients where they were recorded."""
    if stem.endswith("_grads"):
        return
    group = f"{recording.folder.name}/{stem}"
    model.zero_grad(set_to_none=True)
    losses, checks = batch_checks(model, recording.tensors(stem), recording.facts(stem), group, SINGLE)
    yield from checks
    if (recording.folder / f"{stem}_grad_norms.json").is_file():
        losses.total.backward()
        gradients = recording.tensors(f"{stem}_grads") if recording.has(f"{stem}_grads") else {}
        yield from gradient_checks(model, official, recording.facts(f"{stem}_grad_norms"), gradients, group)


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
        recorded = {key: f"target.clip{number}.{key}" for key in ours}
        pairs += [(ours[key].long(), tensors[name].long()) for key, name in recorded.items() if name in tensors]
    return pairs
