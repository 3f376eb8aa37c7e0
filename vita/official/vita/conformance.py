"""VITA held against recorded outputs of its official code: evaluation mode, and all that is done elsewhere.

Legend: T frames, Q frame queries, N video queries, C channels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch

from vita.blocks.frame_detector import normalise_and_pad
from vita.model.method import Vita, definition
from vita.model.network import VitaVariant
from vita.official.checkpoints.state_dict import from_official
from vita.official.conformance.check import MASK_LOGITS, VALUES, compare
from vita.official.conformance.detector import detector_checks, run
from vita.official.conformance.recording import Recording, Tensors, configuration, shapes
from vita.official.conformance.released_sizes import class_count
from vita.official.conformance.trajectory import STEPS, first_weights, in_64_bits, trajectory_checks
from vita.official.contract import Check
from vita.official.vita.conformance_full_size import full_size_checks
from vita.official.vita.conformance_inference import inference_checks
from vita.official.vita.conformance_training import batch_checks, training_checks
from vita.official.vita.names import VitaOfficial

__all__ = ["checks", "full_size_checks"]


def checks(folder: Path) -> Iterator[Check]:
    """Everything that `folder` holds of a small VITA. Raises UserError when it is malformed."""
    recording, official = Recording(folder), VitaOfficial()
    if recording.stems(STEPS):
        with in_64_bits():
            model = _recorded(recording, first_weights(recording), official)
            found = trajectory_checks(recording, model, official, partial(batch_checks, model))
        yield from (*found, *recording.unread())
        return
    model = _recorded(recording, recording.tensors("state_dict"), official)
    for stem in recording.stems("eval_"):
        yield from _evaluation_checks(model, recording, stem)
    for stem in recording.stems("inference_"):
        yield from inference_checks(model.eval(), recording, stem)
    yield from training_checks(model, official, recording)
    yield from recording.unread()


def _recorded(recording: Recording, state: Tensors, official: VitaOfficial) -> Vita:
    """A model of the recorded sizes with these weights."""
    options = official.options(configuration(recording.facts("meta")), shapes(state))
    model = definition.build(options, class_count(state, "vita_module.class_embed.weight"))
    assert isinstance(model, Vita)
    model.load_state_dict(from_official(state, model, official, str(state.path)))
    return model


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
    if "normalised_padded_input" in tensors:
        yield compare(f"{group} input", [(images, tensors["normalised_padded_input"])], VALUES)
    output, inside = run(model.detector, images)
    yield from detector_checks(output, inside, tensors, group)
    if "vita_mask_features" in tensors:
        features = model.mask_projection(output.pixel_map)
        yield compare(f"{group} vita_mask_features", [(features, tensors["vita_mask_features"])], VALUES)
    if "vita_input_frame_queries" in tensors:
        pair = output.queries[-1][None], tensors["vita_input_frame_queries"]
        yield compare(f"{group} vita_input_frame_queries", [pair], VALUES)


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
    pairs = [(value, tensors[f"{name}.{key}"]) for key, value in ours.items() if f"{name}.{key}" in tensors]
    yield compare(f"{group} {name}", pairs, VALUES)
    if f"{name}.pred_masks" in tensors:
        masks = torch.einsum("lbnc,tchw->lbnthw", output.mask_embeddings[-1:], tensors["vita_mask_features"])
        yield compare(f"{group} {name} masks", [(masks, tensors[f"{name}.pred_masks"])], MASK_LOGITS)
