"""From mask logits at stride 4 to run-length codes, a few frames at a time.

Legend: M masks of one frame, T frames, H W pixels of the network input, h w positions of the stride-4 map.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from pycocotools import mask as coco_mask
from torch import Tensor

from vita.contract import Rle

FLOATS_AT_ONCE = 1_000_000  # of full-size masks: they stay in the processor's cache, which is three times as fast


@dataclass(frozen=True)
class FrameGeometry:
    """Sizes in pixels, (height, width): of the padded input, of the input, and of the stored frames."""

    padded: tuple[int, int]
    network: tuple[int, int]
    out: tuple[int, int]


def frames_per_chunk(geometry: FrameGeometry, pixels: int = 1_200_000) -> int:
    """How many frames to decode at once so that one mask holds at most `pixels` (five frames of 360 x 640)."""
    height, width = (max(a, b) for a, b in zip(geometry.padded, geometry.out, strict=True))
    return max(1, pixels // (height * width))


@dataclass
class MaskTracks:
    """Masks of M tracks, filled chunk by chunk; no whole video of float masks ever exists."""

    geometry: FrameGeometry
    count: int
    segmentations: list[list[Rle]] = field(init=False)
    _foreground: Tensor | None = None  # (2, M): sum of probabilities above one half, and their number

    def __post_init__(self) -> None:
        self.segmentations = [[] for _ in range(self.count)]

    def add(self, logits: Tensor) -> None:
        """The next frames: logits (M, T, h, w)."""
        height, width = self.geometry.network
        masks = max(1, FLOATS_AT_ONCE // (logits.shape[1] * height * width))
        sums = torch.cat(
            [self._add_some(start, logits[start : start + masks]) for start in range(0, self.count, masks)], 1
        )
        self._foreground = sums if self._foreground is None else self._foreground + sums

    def _add_some(self, start: int, logits: Tensor) -> Tensor:
        """A few of the masks, from number `start`: logits (m, T, h, w) -> their foreground sums (2, m)."""
        network = to_network_size(logits, self.geometry)
        inside = network > 0
        tracks = self.segmentations[start : start + len(logits)]
        for track, codes in zip(tracks, encode(to_out_size(network, self.geometry) > 0), strict=True):
            track.extend(codes)
        probability = network.sigmoid_().mul_(inside)
        return torch.stack([probability.sum((1, 2, 3)), inside.sum((1, 2, 3)).float()])

    @property
    def quality(self) -> Tensor:
        """Mean foreground probability over all frames, (M,): 0 for a mask that is empty everywhere."""
        assert self._foreground is not None
        return self._foreground[0] / (self._foreground[1] + 1e-6)


def to_network_size(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """(M, T, h, w) -> (M, T, H, W): bilinear to the padded size, then the padding is cut off."""
    whole = F.interpolate(logits, size=geometry.padded, mode="bilinear", align_corners=False)
    return whole[..., : geometry.network[0], : geometry.network[1]]


def to_out_size(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """(M, T, H, W) -> bilinear to the size of the stored frames."""
    if geometry.out == geometry.network:
        return logits
    return F.interpolate(logits, size=geometry.out, mode="bilinear", align_corners=False)


def encode(masks: Tensor) -> list[list[Rle]]:
    """Boolean masks (M, T, H, W) -> compressed run-length codes, [M][T]."""
    tracks, frames = masks.shape[:2]
    # The encoder wants columns to run fastest, so that the transposed copy is read in place.
    columns = masks.transpose(2, 3).flatten(0, 1).to(torch.uint8).contiguous().cpu().numpy()
    codes = coco_mask.encode(np.transpose(columns, (2, 1, 0)))
    rles = [Rle(size=[int(s) for s in code["size"]], counts=code["counts"].decode("ascii")) for code in codes]
    return [rles[i * frames : (i + 1) * frames] for i in range(tracks)]


def decode(tracks: list[list[Rle]]) -> np.ndarray:
    """Compressed run-length codes, [M][T] -> masks (M, T, H, W) of 0 and 1, the inverse of `encode`."""
    return np.stack([np.stack([coco_mask.decode(code) for code in codes]) for codes in tracks])
