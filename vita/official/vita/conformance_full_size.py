"""VITA in its released sizes held against recorded outputs of its official code.

Legend: T frames, Q frame queries, N video queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from vita.blocks.frame_detector import FrameOutput, normalise_and_pad
from vita.model.method import Vita, definition
from vita.model.network import VideoOutput, VitaVariant
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.state_dict import from_official, layout
from vita.official.conformance.attention_bits import Decoded, Entry, compare_downstream, in_double
from vita.official.conformance.check import MASK_LOGITS, VALUES, Tolerance, compare
from vita.official.conformance.detector import run
from vita.official.conformance.recording import Tensors, configuration
from vita.official.conformance.released_sizes import full_size_recordings, released_keys
from vita.official.contract import Check
from vita.official.vita.conformance_inference import prediction_checks
from vita.official.vita.names import VitaOfficial


@torch.no_grad()
def full_size_checks(folder: Path) -> Iterator[Check]:
    """The released sizes with portable weights, for every recording of VITA in `folder`."""
    for one in full_size_recordings(folder, project="VITA"):
        official = VitaOfficial()
        options = official.options({**released_keys(one.config), **configuration(one.meta)}, {})
        model = definition.build(options, one.tensors["vita.pred_logits"].shape[-1] - 1)
        assert isinstance(model, Vita)
        state = portable_weights(layout(model, official)) | dict(official.constants(model))
        model.load_state_dict(from_official(state, model, official, one.group))
        yield from _full_size_checks(model.eval(), one.tensors, one.meta["params"]["out"], one.group)
        yield from one.unread()


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


def _full_size_checks(model: Vita, tensors: Tensors, out_size: list[int], group: str) -> Iterator[Check]:
    one = partial(_decoded, tensors["frames_uint8"])
    decoded, again = one(model), in_double(model, one)
    inside = decoded.output.inside
    features = inside["pixel_decoder.mask_features"][0][:, ::8], tensors["pixel_decoder.mask_features_every8th_channel"]
    yield compare(f"{group} mask features", [features], VALUES)
    maps = inside["pixel_decoder.multi_scale"]
    levels = [(m[:, ::8], tensors[f"pixel_decoder.multi_scale.{i}.every8th_channel"]) for i, m in enumerate(maps)]
    yield compare(f"{group} multi-scale maps", levels, VALUES)
    for kind, (entries, tolerance) in _after_attention(tensors).items():
        yield compare_downstream(f"{group} {kind}", entries, decoded, again, tolerance)
    yield from prediction_checks(model, tensors["frames_uint8"], out_size, tensors, group)


def _after_attention(tensors: Tensors) -> dict[str, tuple[Callable[[Whole], list[Entry]], Tolerance]]:
    """Groups that masked attention leads to, by name."""

    def logits(whole: Whole) -> list[Entry]:
        return [(i, x, tensors[f"decoder.pred_logits.{i}"]) for i, x in enumerate(whole.frames.class_logits)]

    def masks(whole: Whole) -> list[Entry]:
        name = "decoder.pred_masks.{}.every10th_query"
        return [(i, x[:, ::10], tensors[name.format(i)]) for i, x in enumerate(whole.frames.mask_logits)]

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
