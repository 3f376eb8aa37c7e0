"""VITA held against recorded outputs of its official code: training mode, losses and gradients.

Legend: B clips, T frames, F = B * T images, L frame-decoder layers that feed VITA, Q frame queries, N video queries,
C channels, D Object Decoder layers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.losses.targets import clip_targets, frame_identities, frame_targets, identities
from vita.core.contract import Clip, Losses
from vita.model.method import Vita
from vita.official.conformance.check import EXACT, MASK_LOGITS, VALUES, Pair, compare, compare_named, compare_numbers
from vita.official.conformance.detector import detector_checks, run
from vita.official.conformance.recording import Facts, Tensors, recorded_clips
from vita.official.conformance.training_step import Level, Limits, replay, step_checks
from vita.official.contract import Check

LEVELS = (
    Level("frames", "frame_criterion", "HungarianMatcher", "SetCriterion", "frame_losses_unweighted", "loss"),
    Level(
        "video", "video_criterion", "VitaHungarianMatcher", "VitaSetCriterion", "vita_losses_unweighted", "loss_vita"
    ),
)
ABSENT = -1  # class of an instance in a frame that does not show it


@torch.no_grad()
def output_checks(model: Vita, tensors: Tensors, group: str) -> Iterator[Check]:
    """Outputs in training mode."""
    model.train()
    frames, inside = run(model.detector, tensors["normalised_padded_input"])
    yield from detector_checks(frames, inside, tensors, group)
    recorded = tensors["vita_input_frame_queries"]
    layers, clips = len(recorded), tensors["vita.pred_logits"].shape[1]
    yield compare(f"{group} vita_input_frame_queries", [(frames.queries[-layers:], recorded)], VALUES)
    features = model.mask_projection(frames.pixel_map)
    yield from compare_named({"vita_mask_features": features}, tensors, group)
    queries = frames.queries[-layers:].unflatten(1, (clips, -1))
    yield from _video_checks(model, queries, model.window, features.unflatten(0, (clips, -1)), tensors, group)
    for name in sorted({match[0] for key in tensors if (match := re.match(r"window\d+", key))}):
        window = int(name.removeprefix("window"))
        pairs, _ = _video_pairs(model, queries, window, None, tensors, name)
        yield compare(f"{group} {name}", pairs, VALUES)


def _video_checks(
    model: Vita, queries: Tensor, window: int, features: Tensor, tensors: Tensors, group: str
) -> Iterator[Check]:
    """The last decoder layer (`vita.*`), then the ones before it (`vita.aux0.*`, ...)."""
    depth = len(model.object_decoder.layers)
    values, masks = _video_pairs(model, queries, window, features, tensors, "vita")
    for layer in range(depth - 1):
        more, more_masks = _video_pairs(model, queries, window, features, tensors, f"vita.aux{layer}", layer)
        values, masks = values + more, masks + more_masks
    yield compare(f"{group} vita", values, VALUES)
    if masks:
        yield compare(f"{group} vita masks", masks, MASK_LOGITS)


def _video_pairs(
    model: Vita, queries: Tensor, window: int, features: Tensor | None, tensors: Tensors, name: str, layer: int = -1
) -> tuple[list[Pair], list[Pair]]:
    """What was recorded under `name`, for queries (L, B, T, Q, C): values, and masks."""
    leading = queries.shape[:2]
    tokens = model.object_encoder(queries.flatten(0, 1), window, shift=False)
    video = model.decode(tokens)
    embeddings = video.mask_embeddings[layer].unflatten(0, leading)
    ours = {
        "encoder_output": tokens.permute(1, 2, 0, 3),
        "pred_fq_embed": model.frame_similarity(tokens).unflatten(0, leading),
        "pred_logits": video.class_logits[layer].unflatten(0, leading),
        "pred_mask_embed": embeddings,
        "pred_cq_embed": model.video_similarity(video.queries[layer]).unflatten(0, leading),
    }
    values = tensors.pairs(ours, f"{name}.")
    if features is None or f"{name}.pred_masks" not in tensors:
        return values, []
    masks = torch.einsum("lbnc,btchw->lbnthw", embeddings, features)
    return values, [(masks, tensors[f"{name}.pred_masks"])]


def batch_checks(model: Vita, tensors: Tensors, facts: Facts, group: str, limits: Limits) -> tuple[Losses, list[Check]]:
    """The objective on a recorded batch: targets, costs, matches, points and every loss term."""
    clips = recorded_clips(tensors, ABSENT)
    told = "target.clip0.labels" in tensors
    targets = [compare(f"{group} targets", _target_pairs(clips, tensors), EXACT)] if told else []
    step = replay(model, clips, tensors, facts, LEVELS)
    similarity = next(term for term in step.losses.terms if term.name == "similarity")
    recorded = facts["vita_losses_unweighted"]["loss_vita_sim"]
    alike = compare_numbers(f"{group} similarity loss", [similarity.value.item()], [recorded], limits.losses)
    return step.losses, [*targets, *step_checks(step, tensors, facts, group, limits), alike]


def _target_pairs(clips: Sequence[Clip], tensors: Tensors) -> list[Pair]:
    """Prepared targets of the clips and of their frames; recorded ids are counted from the clip's smallest."""
    images = normalise_and_pad([clip.frames for clip in clips])
    size = images.shape[2], images.shape[3]
    pairs: list[Pair] = []
    for number, (clip, target) in enumerate(zip(clips, clip_targets(clips, size), strict=True)):
        pairs.append((target.labels, tensors[f"target.clip{number}.labels"]))
        pairs.append((_from_smallest(clip.ids, clip.ids), tensors[f"target.clip{number}.ids"]))
        if (masks := f"target.clip{number}.masks") in tensors:
            pairs.append((target.masks, tensors[masks].bool()))
    owners = [clip for clip in clips for _ in range(len(clip.frames))]
    numbers = identities(clips)
    prepared = zip(owners, frame_targets(clips, numbers, size), frame_identities(numbers), strict=True)
    for number, (clip, target, ids) in enumerate(prepared):
        pairs.append((target.labels, tensors[f"target.frame{number}.labels"]))
        pairs.append((_from_smallest(ids.to(clip.ids.device), clip.ids), tensors[f"target.frame{number}.ids"]))
    return pairs


def _from_smallest(ids: Tensor, of_clip: Tensor) -> Tensor:
    visible = of_clip[of_clip != -1]
    smallest = visible.min() if len(visible) else 0
    return torch.where(ids == -1, ids, ids - smallest)
