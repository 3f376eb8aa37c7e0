"""From clips to the targets of the frame-level and the clip-level loss.

Legend: T frames of a clip, F images of all clips, N instances of a clip, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from vita.blocks.losses.matching import Target
from vita.core.contract import Clip


def clip_targets(clips: Sequence[Clip], size: tuple[int, int]) -> list[Target]:
    """One target a clip, masks padded at the right and the bottom to `size` (height, width)."""
    return [Target(clip.labels, _padded(clip.masks, size), number) for number, clip in enumerate(clips)]


def frame_targets(clips: Sequence[Clip], size: tuple[int, int]) -> list[Target]:
    """One target a frame, clip by clip: the instances visible in it. F targets with T = 1."""
    targets = []
    for number, clip in enumerate(clips):
        masks = _padded(clip.masks, size)
        for frame in range(masks.shape[1]):
            visible = clip.ids[:, frame] != -1
            targets.append(Target(clip.labels[visible], masks[visible, frame, None], number))
    return targets


def _padded(masks: Tensor, size: tuple[int, int]) -> Tensor:
    return F.pad(masks, (0, size[1] - masks.shape[3], 0, size[0] - masks.shape[2]))


def frame_identities(clips: Sequence[Clip]) -> list[Tensor]:
    """For every frame, clip by clip, the ids of its visible instances in the order of `frame_targets`."""
    return [column[column != -1] for clip in clips for column in clip.ids.unbind(1)]
