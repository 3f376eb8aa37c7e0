"""VITA held against recorded outputs of its official code: evaluation mode, the released sizes, and all that is done
elsewhere.

Legend: T frames, Q frame queries, N video queries, C channels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vita.blocks.frame_detector import FrameOutput, normalise_and_pad
from vita.model.method import Vita, definition
from vita.model.network import VideoOutput, VitaVariant
from vita.official.conformance.attention_bits import Decoded, Entry, compare_downstream, entries_by_depth, in_double
from vita.official.conformance.check import MASK_LOGITS, VALUES, Tolerance, compare, compare_groups, compare_named
from vita.official.conformance.detector import detector_checks, run, thinned_checks
from vita.official.conformance.method import RecordedMethod
from vita.official.conformance.recording import Recording, Tensors
from vita.official.conformance.released_sizes import FullSize
from vita.official.contract import Check
from vita.official.vita.conformance_inference import inference_checks, prediction_checks
from vita.official.vita.conformance_training import batch_checks, output_checks
from vita.official.vita.names import official

__all__ = ["checks", "full_size_checks"]


def _small_checks(model: Vita, recording: Recording) -> Iterator[Check]:
    for stem in recording.stems("eval_"):
        yield from _evaluation_checks(model, recording, stem)
    for stem in recording.stems("inference_"):
        yield from inference_checks(model.eval(), recording, stem)
    if recording.has("train_outputs"):
        yield from output_checks(model, recording.tensors("train_outputs"), f"{recording.folder.name}/train_outputs")


@torch.no_grad()
def _evaluation_checks(model: Vita, recording: Recording, stem: str) -> Iterator[Check]:
    model.eval()
    tensors, group = recording.tensors(stem), f"{recording.folder.name}/{stem}"
    if "frames_uint8" in tensors:
        yield from _detector_checks(model, tensors, group)
    if "frame_queries" in tensors:
        windows = {match[0] for key in tensors if (match := re.match(r"(T\d+_)?window\d+", key))}
        for name in sorted(windows):
            yield from _window_checks(model, tensors, name, group)


def _detector_checks(model: Vita, tensors: Tensors, group: str) -> Iterator[Check]:
    images = normalise_and_pad([tensors["frames_uint8"]])
    yield from compare_groups({"input": {"normalised_padded_input": images}}, tensors, group)
    output, inside = run(model.detector, images)
    yield from detector_checks(output, inside, tensors, group)
    fed = {
        "vita_mask_features": model.mask_projection(output.pixel_map),
        "vita_input_frame_queries": output.queries[-1][None],
    }
    yield from compare_named(fed, tensors, group)


def _window_checks(model: Vita, tensors: Tensors, name: str, group: str) -> Iterator[Check]:
    """Object Encoder and Object Decoder on recorded frame queries; the name says the window, and T if it is cut."""
    frames, window = re.fullmatch(r"(?:T(\d+)_)?window(\d+)", name).groups()  # type: ignore[union-attr]
    queries = tensors["frame_queries"][0][: int(frames) if frames else None]
    tokens = model.object_encoder(queries[None], int(window), shift=True)
    no_object = queries.new_zeros(queries.shape[:2])  # nothing is pruned
    output = model.associate(queries, no_object, VitaVariant(window=int(window)))
    ours = {
        "encoder_input": model.object_encoder.project(queries),
        "encoder_output": tokens[0],
        "pred_fq_embed": model.frame_similarity(tokens)[None],
        "pred_logits": output.class_logits[-1:],
        "pred_mask_embed": output.mask_embeddings[-1:],
        "pred_cq_embed": model.video_similarity(output.queries[-1:]),
    }
    yield compare(f"{group} {name}", tensors.pairs(ours, f"{name}."), VALUES)
    if f"{name}.pred_masks" in tensors:
        masks = torch.einsum("lbnc,tchw->lbnthw", output.mask_embeddings[-1:], tensors["vita_mask_features"])
        yield compare(f"{group} {name} masks", [(masks, tensors[f"{name}.pred_masks"])], MASK_LOGITS)


@dataclass(frozen=True)
class Whole:
    """The detector on all frames and the video-level module on its last frame queries."""

    frames: FrameOutput
    inside: dict[str, list[Tensor]]
    video: VideoOutput


@torch.no_grad()
def _decoded(pictures: Tensor, model: Vita) -> Decoded[Whole]:
    """Pictures (T, 3, H, W) uint8."""
    output, inside = run(model.detector, normalise_and_pad([pictures]))
    no_object = output.queries.new_zeros(output.queries.shape[1:3])
    video = model.associate(output.queries[-1], no_object, VitaVariant())
    sizes = [(level.shape[2], level.shape[3]) for level in inside["pixel_decoder.multi_scale"]]
    levels = [sizes[depth % len(sizes)] for depth in range(len(output.mask_logits))]
    return Decoded(Whole(output, inside, video), list(output.mask_logits), levels)


def _released_checks(model: Vita, one: FullSize, _config: Mapping[str, Any]) -> Iterator[Check]:
    """What was recorded of VITA in its released size."""
    tensors, group = one.tensors, one.group
    decode = partial(_decoded, tensors["frames_uint8"])
    decoded, again = decode(model), in_double(model, decode)
    inside = decoded.output.inside
    features, levels = inside["pixel_decoder.mask_features"][0], inside["pixel_decoder.multi_scale"]
    yield from thinned_checks(features, levels, tensors, group)
    for kind, (entries, tolerance) in _after_attention(tensors).items():
        yield compare_downstream(f"{group} {kind}", entries, decoded, again, tolerance)
    yield from prediction_checks(model, tensors["frames_uint8"], one.meta["params"]["out"], tensors, group)


def _after_attention(tensors: Tensors) -> dict[str, tuple[Callable[[Whole], list[Entry]], Tolerance]]:
    """Groups that masked attention leads to, by name."""

    def logits(whole: Whole) -> list[Entry]:
        return entries_by_depth(list(whole.frames.class_logits), "decoder.pred_logits.{}", tensors)

    def masks(whole: Whole) -> list[Entry]:
        return entries_by_depth(list(whole.frames.mask_logits), "decoder.pred_masks.{}.every10th_query", tensors, 10)

    def queries(whole: Whole) -> list[Entry]:
        last = len(whole.frames.queries) - 1
        return [(last, whole.frames.queries[-1][None], tensors["frame_queries"])]

    def video(whole: Whole) -> list[Entry]:
        last, said = len(whole.frames.queries) - 1, whole.video
        return [
            (last, said.class_logits[-1:], tensors["vita.pred_logits"]),
            (last, said.mask_embeddings[-1:], tensors["vita.pred_mask_embed"]),
        ]

    return {
        "frame class logits": (logits, VALUES),
        "frame mask logits": (masks, MASK_LOGITS),
        "frame queries": (queries, VALUES),
        "video queries": (video, VALUES),
    }


recorded = RecordedMethod(
    kind=Vita,
    definition=definition,
    official=official,
    project="VITA",
    head="vita_module.class_embed.weight",
    small=_small_checks,
    batch=batch_checks,
    full_size=_released_checks,
)
checks, full_size_checks = recorded.checks, recorded.full_size_checks
