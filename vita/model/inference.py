"""VITA on a whole video: one detector pass, any number of inference variants, masks written chunk by chunk.

Legend: T frames, Q frame queries, N video queries, C channels, K classes, k kept predictions, h w stride-4 positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from vita.blocks.frame_detector import FrameOutput, read_in_chunks
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, frames_per_chunk, top_pairs, tracks_of
from vita.core.contract import FrameDetection, FrameSource, Track, VideoPrediction
from vita.model.network import VideoOutput, VitaNetwork, VitaVariant

FRAMES_ON_DEVICE = 36  # mask features of longer videos wait in host memory, as in the release


@dataclass(frozen=True)
class Choice:
    """The k best (query, class) pairs of a video: scores are class probabilities, queries may repeat."""

    scores: Tensor  # (k,)
    labels: Tensor  # (k,)
    queries: Tensor  # (k,) numbers of video queries
    mask_embeddings: Tensor  # (N, C)


@dataclass(frozen=True)
class FramesSeen:
    """All that VITA keeps of a video's frames: enough to predict any part of it (`vita.core.contract.WatchedVideo`)."""

    model: VitaNetwork
    top_k: int
    geometry: FrameGeometry
    queries: Tensor  # (T, Q, C)
    no_object: Tensor  # (T, Q)
    mask_features: list[Tensor]  # (t, C, h, w) each, T frames together
    detections: list[FrameDetection]
    streamed: ClassVar[bool] = False

    @torch.no_grad()
    def predict(self, start: int, stop: int, variants: Mapping[str, VitaVariant]) -> VideoPrediction:
        """The frames [start, stop) as a video of their own; equal variants are one."""
        queries, no_object = self.queries[start:stop], self.no_object[start:stop]
        choices = {
            variant: choose(self.model.associate(queries, no_object, variant), self.top_k)
            for variant in dict.fromkeys(variants.values())
        }
        kept = keep_queries(choices)
        masks = MaskTracks(self.geometry, len(kept.kernels))
        add_masks(masks, kept.kernels, part_of(self.mask_features, start, stop))
        tracks = kept.tracks(masks)
        seen = [found for found in self.detections if start <= found.frame_index < stop]
        detections = [replace(found, frame_index=found.frame_index - start) for found in seen] if start else seen
        return VideoPrediction({name: tracks[variant] for name, variant in variants.items()}, detections)


@torch.no_grad()
def watch_video(model: VitaNetwork, frames: FrameSource, top_k: int) -> FramesSeen:
    """One pass of the detector over the video, in chunks."""
    device = model.mask_projection.weight.device
    queries: list[Tensor] = []
    no_object: list[Tensor] = []
    mask_features: list[Tensor] = []
    detections: list[FrameDetection] = []
    for images, geometry in read_in_chunks(frames, device):
        start = sum(len(seen) for seen in queries)
        output = model.detector(images)
        queries.append(output.queries[-1])
        no_object.append(output.class_logits[-1].softmax(-1)[..., -1])
        features = model.mask_projection(output.pixel_map)
        mask_features.append(features.cpu() if len(frames) > FRAMES_ON_DEVICE else features)
        detections += detect_in_frames(output, geometry, start, top_k)
    return FramesSeen(model, top_k, geometry, torch.cat(queries), torch.cat(no_object), mask_features, detections)


def choose(output: VideoOutput, top_k: int) -> Choice:
    """The best pairs of the last decoder layer for the one video of a batch."""
    return Choice(*top_pairs(output.class_logits[-1, 0], top_k), output.mask_embeddings[-1, 0])


def detect_in_frames(output: FrameOutput, geometry: FrameGeometry, start: int, top_k: int) -> list[FrameDetection]:
    """The detector's own k best objects of every frame; score = class probability x mean foreground probability."""
    scores, labels, queries = top_pairs(output.class_logits[-1], top_k)  # (F, k) each
    frames = torch.arange(len(queries), device=queries.device)[:, None]
    masks = MaskTracks(geometry, queries.numel())
    masks.add(output.mask_logits[-1][frames, queries].flatten(0, 1)[:, None])
    rescored = (scores.flatten() * masks.quality).tolist()
    numbers = (frames + start).expand_as(queries).flatten().tolist()
    found = zip(numbers, labels.flatten().tolist(), rescored, masks.segmentations, strict=True)
    return [FrameDetection(frame, label, score, codes[0]) for frame, label, score, codes in found]


@dataclass(frozen=True)
class KeptQueries:
    """The video queries of which some variant wants a mask; each is decoded once however often it is kept."""

    kernels: Tensor  # (M, C)
    choices: Mapping[VitaVariant, Choice]
    rows: Mapping[VitaVariant, Tensor]  # (k,) numbers of kernels

    def tracks(self, masks: MaskTracks) -> dict[VitaVariant, list[Track]]:
        """From all masks; the score is the class probability x the mean foreground probability of the mask."""
        quality = masks.quality
        return {
            variant: tracks_of(choice.labels, choice.scores * quality[self.rows[variant]], masks, self.rows[variant])
            for variant, choice in self.choices.items()
        }


def keep_queries(choices: Mapping[VitaVariant, Choice]) -> KeptQueries:
    """Those that were chosen."""
    kernels: list[Tensor] = []
    rows: dict[VitaVariant, Tensor] = {}
    for variant, choice in choices.items():
        queries, positions = choice.queries.unique(return_inverse=True)
        rows[variant] = positions + sum(map(len, kernels))
        kernels.append(choice.mask_embeddings[queries])
    return KeptQueries(torch.cat(kernels), choices, rows)


def add_masks(masks: MaskTracks, kernels: Tensor, mask_features: Iterable[Tensor]) -> None:
    """The next frames of all tracks, a few at a time: kernels (M, C), mask features (t, C, h, w) each on any device."""
    at_once = frames_per_chunk(masks.geometry)
    for chunk in mask_features:
        for features in chunk.split(at_once):
            masks.add(torch.einsum("nc,tchw->nthw", kernels, features.to(kernels.device)))


def part_of(chunks: list[Tensor], start: int, stop: int) -> Iterator[Tensor]:
    """Views of the frames [start, stop) of consecutive chunks, (t, ...) each."""
    for chunk in chunks:
        if start < len(chunk) and stop > 0:
            yield chunk[max(start, 0) : stop]
        start, stop = start - len(chunk), stop - len(chunk)
