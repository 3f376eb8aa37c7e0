"""From the encoder's coarse maps to mask features at a quarter of their stride, and a mask for every query.

Legend: D decoder layers, B clips, T frames, F = B * T images, Q queries, C channels, h w positions of the finest map.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vita.blocks.attention import MaskEmbedding
from vita.blocks.initialisation import initialise_head, initialise_video_module

GROUPS = 32  # of every group norm


class MaskHead(nn.Module):
    """A small feature pyramid and kernels that the queries choose."""

    def __init__(self, channels: int, finer_channels: tuple[int, int]) -> None:
        """finer_channels: of the backbone's maps at half and at a quarter of the encoder's stride."""
        super().__init__()
        self.adapters = nn.ModuleList(nn.Conv2d(finer, channels, 1) for finer in finer_channels)
        self.convolutions = nn.ModuleList(nn.Conv2d(channels, channels, 3, padding=1) for _ in range(3))
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, channels) for _ in range(3))
        self.depthwise = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)
        self.mask_embedding = MaskEmbedding(channels)
        initialise_video_module(self)
        initialise_head(self.mask_embedding)

    def adapt(self, finer: list[Tensor]) -> list[Tensor]:
        """The backbone's two finer maps, coarser one first, brought to C channels."""
        return [adapter(maps) for adapter, maps in zip(self.adapters, finer, strict=True)]

    def features(self, coarse: Tensor, adapted: list[Tensor]) -> Tensor:
        """Encoded maps (F, C, ., .) and two adapted maps -> mask features (F, C, h, w).

        Only the last norm is followed by a ReLU, as in the release.
        """
        maps = self._refine(0, coarse)
        for number, finer in enumerate(adapted, 1):
            maps = self._refine(number, finer + F.interpolate(maps, size=finer.shape[-2:], mode="nearest"))
        return F.relu(self.pointwise(F.relu(self.depthwise(F.relu(maps)))))

    def _refine(self, number: int, maps: Tensor) -> Tensor:
        refined: Tensor = self.norms[number](self.convolutions[number](maps))
        return refined

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """queries (D, B, Q, C), features (B, T, C, h, w) -> mask logits (D, B, Q, T, h, w)."""
        return torch.einsum("dbqc,btchw->dbqthw", self.mask_embedding(queries), features)
