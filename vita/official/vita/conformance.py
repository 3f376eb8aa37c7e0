"""VITA held against recorded outputs of its official code: evaluation mode, and all that is done elsewhere.

Legend: T frames, Q frame queries, N video queries, C channels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import torch

from vita.blocks.frame_detector import normalise_and_pad
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.official.conformance.check import MASK_LOGITS, VALUES, compare, compare_groups, compare_named
from vita.official.conformance.detector import detector_checks, run
from vita.official.conformance.method import RecordedMethod
from vita.official.conformance.recording import Recording, Tensors
from vita.official.contract import Check
from vita.official.vita.conformance_full_size import full_size_checks as released_checks
from vita.official.vita.conformance_inference import inference_checks
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


recorded = RecordedMethod(
    kind=Vita,
    definition=definition,
    official=official,
    project="VITA",
    head="vita_module.class_embed.weight",
    small=_small_checks,
    batch=batch_checks,
    full_size=released_checks,
)
checks, full_size_checks = recorded.checks, recorded.full_size_checks
