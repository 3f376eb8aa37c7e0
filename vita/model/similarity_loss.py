"""Similarity loss: embeddings of one identity attract, of two identities repel (paper, section 3.3).

Legend: B clips, T frames, F = B * T images, N video queries, Q frame queries, G groups: one a (frame-decoder layer,
clip), M matched embeddings of a group at most, C channels, L frame-decoder layers that feed VITA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vita.blocks.losses.matching import Match
from vita.blocks.precision import at_least_32_bits, full_precision
from vita.core.contract import ClipSummary


@dataclass(frozen=True)
class MatchedGroups:
    """Matched frame and video queries of every group, filled up to the same number."""

    embeddings: Tensor  # (G, M, C)
    identities: Tensor  # (G, M)
    matched: Tensor  # bool (G, M), False where a group was filled up


@full_precision()
def similarity_loss(groups: MatchedGroups, pairs: int) -> Tensor:
    """Mean binary cross-entropy of all dot products inside each group against "same identity".

    Plain dot products without temperature; every ordered pair counts, an embedding with itself too, as in the release.
    pairs: ordered ones in all groups of the whole batch, by which the sum over these is divided; see `count_pairs`.
    Without any embedding it is zero, and still in the graph.
    """
    exact, ids = at_least_32_bits(groups.embeddings), groups.identities
    logits = exact @ exact.transpose(1, 2)
    same = (ids[:, :, None] == ids[:, None]).to(logits.dtype)
    counts = (groups.matched[:, :, None] & groups.matched[:, None]).to(logits.dtype)
    total = F.binary_cross_entropy_with_logits(logits, same, counts, reduction="sum")
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
    frame_ids: Sequence[Tensor],
    ids: Sequence[Tensor],
) -> MatchedGroups:
    """What the similarity loss compares: the matched frame queries of a group, frame by frame, then its video queries.

    frame_embeddings: (L * B, T, Q, C), layer-major; frame_matches: [L][F]; video_embeddings: (L * B, N, C);
    video_matches: [L * B]; frame_ids: [F] of visible instances; ids: [B] of (N, T); matches and ids in host memory.
    The identity of a matched video query is its instance's.
    """
    (count, frames, queries), clips = frame_embeddings.shape[:3], len(ids)
    of_clips = [one.amax(1) for one in ids]
    first_video = count * frames * queries  # in the list of all frame queries, then all video queries
    rows, names = [], []
    for group in range(count):
        layer, clip = divmod(group, clips)
        parts = []
        for frame in range(frames):
            found, chosen = frame_matches[layer][clip * frames + frame]
            parts.append((found + (group * frames + frame) * queries, frame_ids[clip * frames + frame][chosen]))
        found, chosen = video_matches[group]
        parts.append((found + first_video + group * video_embeddings.shape[1], of_clips[clip][chosen]))
        rows.append(torch.cat([row for row, _ in parts]))
        names.append(torch.cat([name for _, name in parts]))
    # One copy to the device, and one indexing for all groups.
    matched = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
    padded = torch.stack([pad_sequence(rows, batch_first=True), pad_sequence(names, batch_first=True), matched])
    index, identities, matched = padded.to(frame_embeddings.device, non_blocking=True)
    embeddings = torch.cat([frame_embeddings.flatten(0, 2), video_embeddings.flatten(0, 1)])[index]
    return MatchedGroups(embeddings, identities, matched.bool())
