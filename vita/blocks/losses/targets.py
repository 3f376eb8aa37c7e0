"""From clips to the targets of the frame-level and the clip-level loss.

Legend: T frames of a clip, F images of all clips, N instances of a clip, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
import torch.nn.functional as F
from torch import Tensor

from vita.blocks.host_transfer import on_host
from vita.blocks.losses.matching import Target
from vita.core.contract import Clip


def clip_targets(clips: Sequence[Clip], size: tuple[int, int]) -> list[Target]:
    """One target a clip, masks padded at the right and the bottom to `size` (height, width)."""
    return [Target(clip.labels, _padded(clip.masks, size), number) for number, clip in enumerate(clips)]


def identities(clips: Sequence[Clip]) -> list[Tensor]:
    """The ids (N, T) of every clip in host memory, after one transfer of all: looking them up asks no device."""
    return on_host([clip.ids for clip in clips])


def frame_targets(clips: Sequence[Clip], ids: Sequence[Tensor], size: tuple[int, int]) -> list[Target]:
    """One target a frame, clip by clip: the instances visible in it. F targets with T = 1.

    ids: (N, T) of every clip, in host memory.
    """
    device = clips[0].masks.device
    # Number all (instance, frame) pairs of all clips, and pick the visible ones, frame by frame, by one indexing.
    instances = [column.nonzero()[:, 0] for one in ids for column in (one != -1).unbind(1)]
    places = [(clip, first, frame) for clip, first in enumerate(_firsts(ids)) for frame in range(ids[clip].shape[1])]
    rows = [torch.stack([n + first, torch.full_like(n, t)]) for n, (_, first, t) in zip(instances, places, strict=True)]
    chosen, frame = torch.cat(rows, 1).to(device, non_blocking=True)
    labels = torch.cat([clip.labels for clip in clips])[chosen]
    masks = torch.cat([_padded(clip.masks, size) for clip in clips])[chosen, frame, None]
    counts = [len(one) for one in instances]
    owners = [clip for clip, _, _ in places]
    return [Target(*parts) for parts in zip(labels.split(counts), masks.split(counts), owners, strict=True)]


def _firsts(ids: Sequence[Tensor]) -> list[int]:
    """The number of each clip's first instance, where those of all clips are numbered through."""
    return list(accumulate((len(one) for one in ids[:-1]), initial=0))


def _padded(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return F.pad(masks, (0, size[1] - masks.shape[3], 0, size[0] - masks.shape[2]))


def frame_identities(ids: Sequence[Tensor]) -> list[Tensor]:
    """For every frame, clip by clip, the ids of its visible instances in the order of `frame_targets`.

    ids: (N, T) of every clip, in host memory.
    """
    return [column[column != -1] for one in ids for column in one.unbind(1)]
