"""VITA on a whole video: one detector pass, any number of inference variants, masks written chunk by chunk.

Legend: T frames, Q frame queries, N video queries, C channels, K classes, k kept predictions, h w stride-4 positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vita.contract import FrameDetection, FrameSource, Track, VideoPrediction
from vita.detector import FrameOutput, read_in_chunks
from vita.mask_decoding import FrameGeometry, MaskTracks, frames_per_chunk
from vita.track_selection import top_pairs, tracks_of

if TYPE_CHECKING:
    from vita.model import VideoOutput, Vita, VitaVariant

FRAMES_ON_DEVICE = 36  # mask features of longer videos wait in host memory, as in the release


@dataclass
class FramesSeen:
    """All that VITA keeps of a video's frames."""

    geometry: FrameGeometry
    queries: list[Tensor] = field(default_factory=list)  # (t, Q, C) each
    no_object: list[Tensor] = field(default_factory=list)  # (t, Q) each
    mask_features: list[Tensor] = field(default_factory=list)  # (t, C, h, w) each
    detections: list[FrameDetection] = field(default_factory=list)


@dataclass(frozen=True)
class Choice:
    """The k best (query, class) pairs of a video: scores are class probabilities, queries may repeat."""

    scores: Tensor  # (k,)
    labels: Tensor  # (k,)
    queries: Tensor  # (k,) numbers of video queries
    mask_embeddings: Tensor  # (N, C)


def predict_video(model: Vita, frames: FrameSource, variants: Mapping[str, VitaVariant], top_k: int) -> VideoPrediction:
    """Tracks under every variant, and the frame detector's own predictions."""
    seen = see_frames(model, frames, top_k)
    queries, no_object = torch.cat(seen.queries), torch.cat(seen.no_object)
    choices = {name: choose(model.associate(queries, no_object, variant), top_k) for name, variant in variants.items()}
    return VideoPrediction(decode_tracks(seen, choices, queries.device), seen.detections)


def see_frames(model: Vita, frames: FrameSource, top_k: int) -> FramesSeen:
    """One pass of the detector over the video, in chunks."""
    device = model.mask_projection.weight.device
    seen: FramesSeen | None = None
    for images, geometry in read_in_chunks(frames, device):
        seen = seen or FramesSeen(geometry)
        start = sum(len(queries) for queries in seen.queries)
        output = model.detector(images)
        seen.queries.append(output.queries[-1])
        seen.no_object.append(output.class_logits[-1].softmax(-1)[..., -1])
        features = model.mask_projection(output.pixel_map)
        seen.mask_features.append(features.cpu() if len(frames) > FRAMES_ON_DEVICE else features)
        seen.detections += detect_in_frames(output, seen.geometry, start, top_k)
    assert seen is not None
    return seen


def choose(output: VideoOutput, top_k: int) -> Choice:
    """The best pairs of the last decoder layer for the one video of a batch."""
    return Choice(*top_pairs(output.class_logits[-1, 0], top_k), output.mask_embeddings[-1, 0])


def detect_in_frames(output: FrameOutput, geometry: FrameGeometry, start: int, top_k: int) -> list[FrameDetection]:
    """The detector's own k best objects of every frame; score = class probability x mean foreground probability."""
    scores, labels, queries = top_pairs(output.class_logits[-1], top_k)
    detections = []
    for frame, logits in enumerate(output.mask_logits[-1]):
        masks = MaskTracks(geometry, scores.shape[1])
        masks.add(logits[queries[frame], None])
        rescored = (scores[frame] * masks.quality).tolist()
        for label, score, codes in zip(labels[frame].tolist(), rescored, masks.segmentations, strict=True):
            detections.append(FrameDetection(start + frame, label, score, codes[0]))
    return detections


def decode_tracks(seen: FramesSeen, choices: Mapping[str, Choice], device: torch.device) -> dict[str, list[Track]]:
    """Masks of all variants in one sweep over the mask features; a query is decoded once however often it is kept."""
    kept = {name: choice.queries.unique(return_inverse=True) for name, choice in choices.items()}
    kernels = torch.cat([choices[name].mask_embeddings[queries] for name, (queries, _) in kept.items()])
    masks = MaskTracks(seen.geometry, len(kernels))
    for features in _chunks(seen.mask_features, frames_per_chunk(seen.geometry)):
        masks.add(torch.einsum("nc,tchw->nthw", kernels, features.to(device)))
    tracks, offset = {}, 0
    for name, (queries, positions) in kept.items():
        rows = positions + offset
        # The score is the class probability x the mean foreground probability of the mask.
        tracks[name] = tracks_of(choices[name].labels, choices[name].scores * masks.quality[rows], masks, rows)
        offset += len(queries)
    return tracks


def _chunks(parts: list[Tensor], frames: int) -> Iterator[Tensor]:
    for part in parts:
        yield from part.split(frames)
