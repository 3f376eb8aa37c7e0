"""VITA in its released sizes held against recorded outputs of its official code.

Legend: T frames, Q frame queries, N video queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vita.blocks.frame_detector import FrameOutput, normalise_and_pad
from vita.model.method import Vita
from vita.model.network import VideoOutput, VitaVariant
from vita.official.conformance.attention_bits import Decoded, Entry, compare_downstream, entries_by_depth, in_double
from vita.official.conformance.check import MASK_LOGITS, VALUES, Tolerance
from vita.official.conformance.detector import run, thinned_checks
from vita.official.conformance.recording import Tensors
from vita.official.conformance.released_sizes import FullSize
from vita.official.contract import Check
from vita.official.vita.conformance_inference import prediction_checks


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


def full_size_checks(model: Vita, one: FullSize, _config: Mapping[str, Any]) -> Iterator[Check]:
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
