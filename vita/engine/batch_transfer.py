"""A batch on its way to the device: all tensors of all clips in one piece, and one copy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vita.core.contract import Clip

ALIGNED = 8  # bytes: where a tensor of 64-bit numbers may begin


def to_device(clips: Sequence[Clip], device: torch.device) -> list[Clip]:
    """The same clips with their tensors on `device`; on a CPU, the clips themselves."""
    if device.type == "cpu":
        return list(clips)
    moved = iter(_together([tensor for clip in clips for tensor in clip.tensors.values()], device))
    tensors: list[dict[str, Any]] = [{name: next(moved) for name in clip.tensors} for clip in clips]
    return [replace(clip, **parts) for clip, parts in zip(clips, tensors, strict=True)]


def _together(tensors: list[Tensor], device: torch.device) -> list[Tensor]:
    """Views of one block of memory on the device."""
    sizes = [-(-tensor.nbytes // ALIGNED) * ALIGNED for tensor in tensors]
    # Only from memory that stays in its place is a copy made while the host goes on.
    packed = torch.empty(sum(sizes), dtype=torch.uint8, pin_memory=device.type == "cuda")
    for place, tensor in zip(packed.split(sizes), tensors, strict=True):
        place[: tensor.nbytes] = tensor.flatten().view(torch.uint8)
    moved = packed.to(device, non_blocking=True).split(sizes)
    return [
        place[: tensor.nbytes].view(tensor.dtype).view(tensor.shape)
        for place, tensor in zip(moved, tensors, strict=True)
    ]
