"""Mask2Former-VIS held against recorded outputs of its official code.

Legend: B clips, T frames, F = B * T images, N queries, C channels, k kept predictions, h w positions of a map,
H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vita.blocks.clip_position import position_in_clip
from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.mask_decoding import decode, to_network_size, to_out_size, top_pairs
from vita.blocks.pixel_decoder import PixelMaps
from vita.core.contract import Losses
from vita.official.conformance.attention_bits import Decoded, Entry, compare_downstream, entries_by_depth, in_double
from vita.official.conformance.check import EXACT, MASK_LOGITS, VALUES, compare, compare_masks, compare_named
from vita.official.conformance.detector import thinned_checks
from vita.official.conformance.method import RecordedMethod
from vita.official.conformance.recording import Facts, Recording, StoredFrames, Tensors, recorded_clips
from vita.official.conformance.released_sizes import FullSize
from vita.official.conformance.training_step import Level, Limits, replay, step_checks, target_pairs
from vita.official.contract import Check
from vita_baselines.mask2former_vis.decoder import LEVELS, Prediction, tokens_inside
from vita_baselines.mask2former_vis.method import definition
from vita_baselines.mask2former_vis.network import Mask2FormerVis
from vita_baselines.mask2former_vis.official.names import CLASS_HEAD, official

LEVEL = Level("video", "criterion", "VideoHungarianMatcher", "VideoSetCriterion", "losses_unweighted", "loss")


def _small_checks(model: Mask2FormerVis, recording: Recording) -> Iterator[Check]:
    folder = recording.folder.name
    for stem in recording.stems("eval_"):
        yield from _evaluation_checks(model.eval(), recording.tensors(stem), f"{folder}/{stem}")
    for stem in recording.stems("inference_"):
        beside, tensors = stem.replace("inference", "eval"), recording.tensors(stem)
        if recording.has(beside):
            source = StoredFrames(recording.tensors(beside)["frames_uint8"], *tensors["out_height_width"].tolist())
            yield from _inference_checks(model.eval(), source, tensors, f"{folder}/{stem}")
    if recording.has("train_outputs"):
        yield from output_checks(model.train(), recording.tensors("train_outputs"), f"{folder}/train_outputs")


@torch.no_grad()
def _evaluation_checks(model: Mask2FormerVis, tensors: Tensors, group: str) -> Iterator[Check]:
    """A whole video as one clip, part by part."""
    images = normalise_and_pad([tensors["frames_uint8"]])
    stages = model.pixel_level.backbone_maps(images)
    maps = model.pixel_level.decode(stages)
    predictions = list(model.decoder(maps, 1))
    next_levels = [maps.levels[number % LEVELS] for number in range(len(predictions))]
    blocked = [
        ~tokens_inside(prediction.mask_logits, *level.shape[2:])
        for prediction, level in zip(predictions, next_levels, strict=True)
    ]
    inside: dict[str, Sequence[Tensor]] = {
        "normalised_padded_input": [images],
        "backbone": stages,
        "pixel_decoder.multi_scale": maps.levels,
        "pixel_decoder.mask_features": [maps.mask_features],
        "decoder.pos3d": [_position(level) for level in maps.levels],
    }
    yield from compare_named(inside, tensors, group)
    yield from predicted(predictions, tensors, group)
    yield from compare_named({"decoder.attn_mask_blocked": blocked}, tensors, group, EXACT)


def _position(level: Tensor) -> Tensor:
    """Of a level (T, C, h, w): (1, T, C, h, w)."""
    return position_in_clip(level.permute(0, 2, 3, 1).shape, level.device).permute(0, 3, 1, 2)[None]


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
    images = normalise_and_pad([clip.frames for clip in clips])
    targets = model.targets(clips, (images.shape[2], images.shape[3]))
    same = compare(f"{group} targets", target_pairs(clips, targets, tensors), EXACT)
    step = replay(model, clips, tensors, facts, [LEVEL])
    return step.losses, [same, *step_checks(step, tensors, facts, group, limits)]


@torch.no_grad()
def _inference_checks(model: Mask2FormerVis, source: StoredFrames, tensors: Tensors, group: str) -> Iterator[Check]:
    """Whole inference; predictions are matched by (query, class) where that was recorded, by score otherwise."""
    seen = model.encode_video(source, len(tensors["pred_scores"]))
    prediction, geometry = seen.last(0, len(source)), seen.geometry
    device = prediction.class_logits.device
    _, labels, queries = top_pairs(prediction.class_logits[0], len(tensors["pred_scores"]))
    tracks = model.predict(source, {"only": None}, len(tensors["pred_scores"])).tracks["only"]
    ours, theirs = torch.arange(len(labels), device=device), tensors["pred_scores"].argsort(descending=True)
    if "topk_flat_index" in tensors:
        pairs = queries * (prediction.class_logits.shape[-1] - 1) + labels
        ours, theirs = pairs.argsort(), tensors["topk_flat_index"].argsort()
        chosen = [(pairs[ours], tensors["topk_flat_index"][theirs])]
        chosen += [(queries[ours], tensors["topk_query_index"][theirs])] if "topk_query_index" in tensors else []
        yield compare(f"{group} chosen", chosen, EXACT)
    named = torch.tensor([track.label for track in tracks], device=device)[ours]
    yield compare(f"{group} labels", [(named, tensors["pred_labels"][theirs])], EXACT)
    scores = torch.tensor([track.score for track in tracks], device=device)[ours]
    yield compare(f"{group} scores", [(scores, tensors["pred_scores"][theirs])], VALUES)
    if "pred_masks" in tensors:
        masks = decode([track.segmentations for track in tracks])[ours.cpu().numpy()]
        yield compare_masks(f"{group} masks", masks, tensors["pred_masks"][theirs].cpu().numpy())
    if "pred_mask_logits_before_threshold" in tensors:
        logits = to_out_size(to_network_size(prediction.mask_logits[0, queries[ours]], geometry), geometry)
        recorded = tensors["pred_mask_logits_before_threshold"][theirs]
        yield compare(f"{group} mask logits", [(logits, recorded)], MASK_LOGITS)


def _released_checks(model: Mask2FormerVis, one: FullSize, _config: Mapping[str, Any]) -> Iterator[Check]:
    """What was recorded of the released size; large outputs in part."""
    tensors, group = one.tensors, one.group
    run = partial(_decoded, tensors["frames_uint8"])
    decoded, again = run(model), in_double(model, run)
    maps, _ = decoded.output
    yield from thinned_checks(maps.mask_features, maps.levels, tensors, group)

    def logits(output: tuple[PixelMaps, list[Prediction]]) -> list[Entry]:
        return entries_by_depth([each.class_logits for each in output[1]], "decoder.pred_logits.{}", tensors)

    def masks(output: tuple[PixelMaps, list[Prediction]]) -> list[Entry]:
        name = "decoder.pred_masks.{}.every10th_query"
        return entries_by_depth([each.mask_logits for each in output[1]], name, tensors, 10)

    yield compare_downstream(f"{group} decoder.pred_logits", logits, decoded, again, VALUES)
    yield compare_downstream(f"{group} mask logits", masks, decoded, again, MASK_LOGITS)
    source = StoredFrames(tensors["frames_uint8"], *one.meta["params"]["out"])
    yield from _inference_checks(model, source, tensors, group)


@torch.no_grad()
def _decoded(frames: Tensor, model: Mask2FormerVis) -> Decoded[tuple[PixelMaps, list[Prediction]]]:
    """Frames (T, 3, H, W) uint8 as one clip: maps, and predictions at every depth."""
    maps = model.pixel_level(normalise_and_pad([frames]))
    predictions = list(model.decoder(maps, 1))
    sizes = [(level.shape[2], level.shape[3]) for level in maps.levels]
    levels = [sizes[depth % LEVELS] for depth in range(len(predictions))]
    return Decoded((maps, predictions), [prediction.mask_logits for prediction in predictions], levels)


recorded = RecordedMethod(
    kind=Mask2FormerVis,
    definition=definition,
    official=official,
    project="Mask2Former",
    head=CLASS_HEAD,
    small=_small_checks,
    batch=batch_checks,
    full_size=_released_checks,
)
checks, full_size_checks = recorded.checks, recorded.full_size_checks
