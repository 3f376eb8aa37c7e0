"""From what the network says of a video to tracks: which pairs of query and class are kept, and the masks of those.

Legend: T frames, N video queries, C channels, k kept predictions, M masks, h w stride-4 positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vita.blocks.mask_decoding import MaskTracks, frames_per_chunk, top_pairs, tracks_of
from vita.core.contract import Track
from vita.model.network import VideoOutput, VitaVariant


@dataclass(frozen=True)
class Choice:
    """The k best (query, class) pairs of a video: scores are class probabilities, queries may repeat."""

    scores: Tensor  # (k,)
    labels: Tensor  # (k,)
    queries: Tensor  # (k,) numbers of video queries
    mask_embeddings: Tensor  # (N, C)


def choose(output: VideoOutput, top_k: int) -> Choice:
    """The best pairs of the last decoder layer for the one video of a batch."""
    return Choice(*top_pairs(output.class_logits[-1, 0], top_k), output.mask_embeddings[-1, 0])


@dataclass(frozen=True)
class KeptQueries:
    """The video queries of which some variant wants a mask; each is decoded once however often it is kept."""

    kernels: Tensor  # (M, C)
    choices: Mapping[VitaVariant, Choice]
    rows: Mapping[VitaVariant, Tensor]  # (k,) numbers of kernels

    def tracks(self, masks: MaskTracks) -> dict[VitaVariant, list[Track]]:
        """From all masks; the score is the class probability x the mean foreground probability of the mask."""
        tracks = {}
        for variant, choice in self.choices.items():
            rows = self.rows[variant].cpu()
            tracks[variant] = tracks_of(choice.labels, choice.scores.cpu() * masks.quality[rows], masks, rows)
        return tracks


def keep_queries(choices: Mapping[VitaVariant, Choice]) -> KeptQueries:
    """Collect the chosen queries of all variants."""
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
