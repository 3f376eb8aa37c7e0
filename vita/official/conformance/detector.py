"""The frame detector held against its recorded inside: backbone, pixel decoder and every frame-decoder layer.

Legend: F frames, Q frame queries, C channels, h w positions of a map, L predictions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vita.blocks.frame_detector import FrameDetector, FrameOutput
from vita.official.conformance.check import EXACT, MASK_LOGITS, VALUES, compare, compare_named
from vita.official.conformance.recording import Tensors
from vita.official.contract import Check


@contextmanager
def listening(parts: Mapping[str, nn.Module]) -> Iterator[dict[str, list[Any]]]:
    """Keep the outputs of `parts`, in the order in which they are called, for as long as the context lasts."""
    kept: dict[str, list[Any]] = defaultdict(list)
    with ExitStack() as hooks:
        for name, part in parts.items():
            hook = part.register_forward_hook(lambda _module, _inputs, output, name=name: kept[name].append(output))
            hooks.callback(hook.remove)
        yield kept


def parts_of(detector: FrameDetector) -> dict[str, nn.Module]:
    """The library's modules whose outputs were recorded."""
    pixels = detector.mask2former.pixel_level_module
    decoder = pixels.decoder
    projections = {f"source{i}": projection for i, projection in enumerate(decoder.input_projections)}
    return projections | {
        "backbone": pixels.encoder,
        "position": decoder.position_embedding,
        "memory": decoder.encoder,
        "mask_projection": decoder.mask_projection,
        "pixels": pixels,
        "mask_predictor": detector.mask2former.transformer_module.decoder.mask_predictor,
    }


@torch.no_grad()
def run(detector: FrameDetector, images: Tensor) -> tuple[FrameOutput, dict[str, list[Tensor]]]:
    """The detector's output on images (F, 3, H, W), and its inside by the names of the recording."""
    with listening(parts_of(detector)) as kept:
        output = detector(images)
    levels = range(sum(name.startswith("source") for name in kept))
    blocked = [mask for _, mask in kept["mask_predictor"]]  # the same for all heads
    return output, {
        "backbone": list(kept["backbone"][0].feature_maps),
        "pixel_decoder.encoder_src": [kept[f"source{i}"][0] for i in levels],
        "pixel_decoder.encoder_pos": [position[:1] for position in kept["position"]],
        "pixel_decoder.encoder_memory": [kept["memory"][0].last_hidden_state],
        "pixel_decoder.multi_scale": list(kept["pixels"][0].decoder_hidden_states),
        "pixel_decoder.clip_mask_features": [output.pixel_map],
        "pixel_decoder.mask_features": [kept["mask_projection"][0]],
        "frame_decoder.attn_mask_blocked": blocked,
    }


def detector_checks(
    output: FrameOutput, inside: Mapping[str, list[Tensor]], tensors: Tensors, group: str
) -> Iterator[Check]:
    """One line for each kind of tensor that was recorded."""
    ours = dict(inside) | {
        "frame_decoder.pred_logits": list(output.class_logits),
        "frame_decoder.pred_masks": list(output.mask_logits),
        "frame_decoder.frame_query": list(output.queries),
    }
    for name, values in ours.items():
        exact = EXACT if name.endswith("blocked") else VALUES
        tolerance = MASK_LOGITS if name.endswith("pred_masks") else exact
        yield from compare_named({name: values}, tensors, group, tolerance)


def thinned_checks(features: Tensor, levels: Sequence[Tensor], tensors: Tensors, group: str) -> Iterator[Check]:
    """The pixel decoder's maps in the released sizes, of which every eighth channel was recorded."""
    mask_features = {"pixel_decoder.mask_features_every8th_channel": features[:, ::8]}
    maps = {f"pixel_decoder.multi_scale.{i}.every8th_channel": level[:, ::8] for i, level in enumerate(levels)}
    for label, ours in {"mask features": mask_features, "multi-scale maps": maps}.items():
        yield compare(f"{group} {label}", [(value, tensors[name]) for name, value in ours.items()], VALUES)
