"""IFC held against recorded outputs of its official code: clips in evaluation mode, and all that is done elsewhere.

Legend: T frames of a video, F frames of a clip, Q queries, C channels, K classes, h w positions of a map.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.official.conformance.check import VALUES, Pair, compare, compare_groups
from vita.official.conformance.method import RecordedMethod
from vita.official.conformance.recording import Recording, StoredFrames, Tensors, configuration
from vita.official.conformance.released_sizes import FullSize
from vita.official.contract import Check
from vita_baselines.ifc.method import Ifc, definition
from vita_baselines.ifc.official.conformance_parts import MASK_LOGITS, backbone_checks, clip_inside
from vita_baselines.ifc.official.conformance_training import batch_checks, ifc_gradient_checks, output_checks
from vita_baselines.ifc.official.conformance_video import clip_stride, inference_checks, variant_of
from vita_baselines.ifc.official.names import CLASS_HEAD, official


def _small_checks(model: Ifc, recording: Recording) -> Iterator[Check]:
    state, config = recording.tensors("state_dict"), configuration(recording.facts("meta"))
    folder = recording.folder.name
    constants = [(constant, state[key]) for key, constant in official.constants(model).items()]
    yield compare(f"{folder}/state_dict class weights", constants, VALUES)
    for stem in recording.stems("eval_"):
        yield from _clip_checks(model.eval(), recording.tensors(stem), clip_stride(config), f"{folder}/{stem}")
    for stem in recording.stems("inference_"):
        yield from _video_checks(model.eval(), recording, stem, config)
    if recording.has("train_outputs"):
        yield from output_checks(model.train(), recording.tensors("train_outputs"), f"{folder}/train_outputs")


@torch.no_grad()
def _clip_checks(model: Ifc, tensors: Tensors, stride: int, group: str) -> Iterator[Check]:
    """The backbone on all frames; then clip after clip. A video's frames have one size: nothing is padded."""
    images = normalise_and_pad([tensors["frames_uint8"]], divisor=1)
    yield from compare_groups({"input": {"normalised_input": images}}, tensors, group)
    sizes = [(images.shape[2], images.shape[3])] * len(images)
    yield from backbone_checks(model, images, sizes, tensors, group)
    found: dict[str, list[Pair]] = {}
    for number in sorted({int(match[1]) for key in tensors if (match := re.match(r"clip(\d+)\.", key))}):
        name = f"clip{number}."
        start = min(number * stride, len(images) - clip_frames(tensors, name))
        for kind, pair in _clip_pairs(model, images[start : start + clip_frames(tensors, name)], tensors, name):
            found.setdefault(kind, []).append(pair)
    for kind, pairs in found.items():
        yield compare(f"{group} {kind}", pairs, MASK_LOGITS if kind == "pred_masks" else VALUES)


def clip_frames(tensors: Tensors, clip: str) -> int:
    """Frames of one recorded clip, from whatever was recorded of it; `clip` ends with a dot."""
    axes = {"pred_masks": 2, "encoded_src": 0, "encoder_memory_bus": 1}
    return next(tensors[clip + key].shape[axis] for key, axis in axes.items() if clip + key in tensors)


def _clip_pairs(model: Ifc, images: Tensor, tensors: Tensors, clip: str) -> Iterator[tuple[str, Pair]]:
    """What was recorded of one clip of images (F, 3, H, W), by kind. Large recordings hold every n-th query's masks."""
    inside, class_logits, mask_logits = clip_inside(model, images, 1, None)
    ours = inside | {"decoder_out": inside["decoder_out"][-1:], "pred_logits": class_logits[-1]}
    if clip + "pred_masks" in tensors:
        step = max(1, mask_logits.shape[2] // max(1, tensors[clip + "pred_masks"].shape[1]))
        ours["pred_masks"] = mask_logits[-1, :, ::step]
    for kind, tensor in ours.items():
        if clip + kind in tensors:
            recorded = tensors[clip + kind]
            yield kind, (tensor.view_as(recorded) if kind == "decoder_out" else tensor, recorded)


def _video_checks(model: Ifc, recording: Recording, stem: str, config: dict[str, Any]) -> Iterator[Check]:
    """Whole inference; the frames are those of the evaluation recording of the same case."""
    tensors, cases = recording.tensors(stem), recording.stems("eval_")
    beside = [case for case in cases if f"{stem}_".startswith(case.replace("eval", "inference") + "_")]
    if not beside:
        return
    frames = recording.tensors(max(beside, key=len))["frames_uint8"]
    plain = max(beside, key=len).replace("eval", "inference")  # of which this one may be a variation
    candidates = [tensors, *([recording.tensors(plain)] if recording.has(plain) else [])]
    sized = [candidate for candidate in candidates if "out_height_width" in candidate]
    size = sized[0]["out_height_width"].tolist() if sized else frames.shape[2:]
    variant = variant_of(stem, tensors, config, len(frames))
    yield from inference_checks(model, StoredFrames(frames, *size), variant, tensors, f"{recording.folder.name}/{stem}")


def _released_checks(model: Ifc, one: FullSize, config: Mapping[str, Any]) -> Iterator[Check]:
    """What was recorded of the released size."""
    tensors = one.tensors
    yield from _clip_checks(model, tensors, clip_stride(config), one.group)
    source = StoredFrames(tensors["frames_uint8"], *one.meta["params"]["out"])
    variant = variant_of(one.stem, tensors, config, len(source))
    yield from inference_checks(model, source, variant, tensors, one.group)


recorded = RecordedMethod(
    kind=Ifc,
    definition=definition,
    official=official,
    project="IFC",
    head=CLASS_HEAD,
    small=_small_checks,
    batch=batch_checks,
    full_size=_released_checks,
    gradients=ifc_gradient_checks,
)
checks, full_size_checks = recorded.checks, recorded.full_size_checks
