"""VITA held against recorded outputs of its official code: evaluation mode; training mode is in `vita_training`.

Legend: T frames, Q frame queries, N video queries, C channels, k kept predictions, h w H W pixels.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pycocotools import mask as coco_mask
from torch import Tensor

from vita.blocks.frame_detector import FrameOutput, normalise_and_pad
from vita.blocks.mask_decoding import to_network_size, to_out_size
from vita.core.contract import Track
from vita.model.inference import choose, watch_video
from vita.model.method import Vita, definition
from vita.model.network import VideoOutput, VitaVariant
from vita.official.checkpoints.deterministic_weights import portable_weights
from vita.official.checkpoints.state_dict import from_official, layout
from vita.official.conformance.attention_bits import Decoded, Entry, compare_downstream, in_double
from vita.official.conformance.check import (
    EXACT,
    MASK_LOGITS,
    VALUES,
    Tolerance,
    compare,
    compare_masks,
    compare_numbers,
)
from vita.official.conformance.detector import detector_checks, run
from vita.official.conformance.recording import Recording, StoredFrames, Tensors, configuration, shapes
from vita.official.conformance.released_sizes import class_count, full_size_recordings, released_keys
from vita.official.conformance.trajectory import STEPS, first_weights, in_64_bits, trajectory_checks
from vita.official.contract import Check
from vita.official.vita.conformance_training import batch_checks, training_checks
from vita.official.vita.names import VitaOfficial


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
    model = _build(options, class_count(state, "vita_module.class_embed.weight"))
    model.load_state_dict(from_official(state, model, official, str(state.path)))
    return model


def _build(options: dict[str, Any], num_classes: int) -> Vita:
    model = definition.build(options, num_classes)
    assert isinstance(model, Vita)
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


@torch.no_grad()
def inference_checks(model: Vita, recording: Recording, stem: str) -> Iterator[Check]:
    """Whole inference on the frames recorded beside it, predictions matched by (query, class)."""
    tensors, group = recording.tensors(stem), f"{recording.folder.name}/{stem}"
    frames = recording.tensors(stem.replace("inference", "eval") + "_detector")["frames_uint8"]
    yield from _prediction_checks(model, frames, tensors["out_height_width"].tolist(), tensors, group)


def _prediction_checks(
    model: Vita, frames: Tensor, out_size: list[int], tensors: Tensors, group: str
) -> Iterator[Check]:
    source = StoredFrames(frames, *out_size)
    count, recorded_scores = len(tensors["pred_scores"]), tensors["pred_scores"]
    if "topk_flat_index" in tensors:
        yield from _choice_checks(model, source, count, tensors, group)
    tracks = model.predict(source, {"only": VitaVariant()}, top_k=count).tracks["only"]
    order = recorded_scores.argsort(descending=True)  # recorded as top-k left them, unsorted
    labels = [track.label for track in tracks]
    yield compare_numbers(f"{group} labels", labels, tensors["pred_labels"][order].tolist(), EXACT)
    scores = [track.score for track in tracks]
    yield compare_numbers(f"{group} scores", scores, recorded_scores[order].tolist(), VALUES)
    if "pred_masks" in tensors:
        yield compare_masks(f"{group} masks", decoded(tracks), tensors["pred_masks"][order].numpy())


def _choice_checks(model: Vita, source: StoredFrames, count: int, tensors: Tensors, group: str) -> Iterator[Check]:
    """Class scores and mask logits of the chosen pairs, before masks rescore and threshold them."""
    seen = watch_video(model, source, top_k=1)
    output = model.associate(seen.queries, seen.no_object, VitaVariant())
    choice = choose(output, count)
    classes = output.class_logits.shape[-1] - 1
    ours = (choice.queries * classes + choice.labels).argsort()
    theirs = tensors["topk_flat_index"].argsort()
    pairs = [
        (choice.queries[ours] * classes + choice.labels[ours], tensors["topk_flat_index"][theirs]),
        (choice.queries[ours], tensors["topk_query_index"][theirs]),
    ]
    yield compare(f"{group} chosen", pairs, EXACT)
    pair = choice.scores[ours], tensors["class_scores_topk"][theirs]
    yield compare(f"{group} class scores", [pair], VALUES)
    if "pred_mask_logits_before_threshold" in tensors:
        kernels, features = choice.mask_embeddings[choice.queries[ours]], torch.cat(seen.mask_features)
        logits = to_network_size(torch.einsum("nc,tchw->nthw", kernels, features), seen.geometry)
        recorded = tensors["pred_mask_logits_before_threshold"][theirs]
        yield compare(f"{group} mask logits", [(to_out_size(logits, seen.geometry), recorded)], MASK_LOGITS)


def decoded(tracks: list[Track]) -> np.ndarray:
    """Masks of tracks, (k, T, H, W) of 0 and 1."""
    return np.stack([[coco_mask.decode(code) for code in track.segmentations] for track in tracks])


@torch.no_grad()
def full_size_checks(folder: Path) -> Iterator[Check]:
    """The released sizes with portable weights, for every recording of VITA in `folder`."""
    for one in full_size_recordings(folder, project="VITA"):
        official = VitaOfficial()
        options = official.options({**released_keys(one.config), **configuration(one.meta)}, {})
        model = _build(options, one.tensors["vita.pred_logits"].shape[-1] - 1)
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
    yield from _prediction_checks(model, tensors["frames_uint8"], out_size, tensors, group)


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
