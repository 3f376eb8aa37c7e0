"""Similarity loss: embeddings of one identity attract, of two identities repel (paper, section 3.3).

Legend: B clips, T frames, F = B * T images, N video queries, Q frame queries, M matched embeddings of one clip,
C channels, L frame-decoder layers that feed VITA.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.blocks.losses.matching import Match
from vita.blocks.precision import at_least_32_bits, full_precision
from vita.core.contract import Clip, ClipSummary


@full_precision()
def similarity_loss(groups: list[tuple[Tensor, Tensor]], pairs: int, like: Tensor) -> Tensor:
    """Mean binary cross-entropy of all dot products inside each group against "same identity".

    groups: one a (frame-decoder layer, clip): embeddings (M, C) of matched frame and video queries, identities (M,).
    Plain dot products without temperature; every ordered pair counts, an embedding with itself too, as in the release.
    pairs: of all groups of the whole batch, by which the sum over these is divided; see `count_pairs`.
    like: any tensor of the graph, which gives the zero of an empty batch its device.
    """
    total = at_least_32_bits(like).sum() * 0.0
    for embeddings, identities in groups:
        exact = at_least_32_bits(embeddings)
        logits = exact @ exact.T
        same = (identities[:, None] == identities[None]).to(logits.dtype)
        total = total + F.binary_cross_entropy_with_logits(logits, same, reduction="sum")
    return total / (pairs + 1e-6)


def count_pairs(clips: Sequence[ClipSummary], frame_queries: int, video_queries: int, layers: int) -> int:
    """Ordered pairs of matched embeddings, in all layers and clips: every object takes a query, while any is left."""
    matched = [
        sum(min(count, frame_queries) for count in clip.visible) + min(clip.objects, video_queries) for clip in clips
    ]
    return layers * sum(count**2 for count in matched)


def matched_groups(
    frame_embeddings: Tensor,
    frame_matches: list[list[Match]],
    video_embeddings: Tensor,
    video_matches: list[Match],
    identities: list[Tensor],
    clips: Sequence[Clip],
) -> list[tuple[Tensor, Tensor]]:
    """What the similarity loss compares: for every (layer, clip) matched embeddings (M, C) and identities (M,).

    frame_embeddings: (L * B, T, Q, C), layer-major; frame_matches: [L][F]; video_embeddings: (L * B, N, C);
    video_matches: [L * B]; identities: [F]. The identity of a matched video query is its instance's.
    """
    groups, frames = [], frame_embeddings.shape[1]
    for video in range(len(frame_embeddings)):
        layer, clip = divmod(video, len(clips))
        parts = []
        for frame in range(frames):
            queries, chosen = frame_matches[layer][clip * frames + frame]
            parts.append((frame_embeddings[video, frame, queries], identities[clip * frames + frame][chosen]))
        queries, chosen = video_matches[video]
        parts.append((video_embeddings[video, queries], clips[clip].ids.amax(1)[chosen]))
        groups.append((torch.cat([e for e, _ in parts]), torch.cat([i for _, i in parts])))
    return groups
