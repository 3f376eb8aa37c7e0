"""From clips to the targets of the frame-level, the clip-level and the similarity loss.

Legend: B clips, T frames, F = B * T images, N instances of a clip, Q frame queries, M matched pairs, C channels,
L frame-decoder layers that feed VITA, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.contract import Clip
from vita.losses.matching import Match, Target


def clip_targets(clips: Sequence[Clip], size: tuple[int, int]) -> list[Target]:
    """One target a clip, masks padded at the right and the bottom to `size` (height, width)."""
    return [Target(clip.labels, _padded(clip.masks, size)) for clip in clips]


def frame_targets(clips: Sequence[Clip], size: tuple[int, int]) -> list[Target]:
    """One target a frame, clip by clip: the instances visible in it. F targets with T = 1."""
    targets = []
    for clip in clips:
        masks = _padded(clip.masks, size)
        for frame in range(masks.shape[1]):
            visible = clip.ids[:, frame] != -1
            targets.append(Target(clip.labels[visible], masks[visible, frame, None]))
    return targets


def _padded(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return F.pad(masks, (0, size[1] - masks.shape[3], 0, size[0] - masks.shape[2]))


def frame_identities(clips: Sequence[Clip]) -> list[Tensor]:
    """For every frame, clip by clip, the ids of its visible instances in the order of `frame_targets`."""
    return [column[column != -1] for clip in clips for column in clip.ids.unbind(1)]


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
