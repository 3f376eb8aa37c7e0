"""Inter-frame communication: frames exchange information only through a few memory tokens each (paper, section 3.1).

Legend: B clips, T frames, S = h * w positions of a frame, M memory tokens of a frame, C channels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from vita.blocks.attention import EncoderLayer
from vita.blocks.initialisation import initialise_video_module
from vita_baselines.ifc.position import sine_position


@dataclass(frozen=True)
class ClipTokens:
    """All tokens of B clips; in each frame the positions of its map come first, then its memory tokens."""

    values: Tensor  # (B, T, S + M, C)
    position: Tensor  # (B, T, S + M, C)
    allowed: Tensor | None  # bool (B, T, S + M), False at padding; None where there is no padding
    memory: int  # M

    def maps(self, height: int, width: int) -> Tensor:
        """The positions of every frame as maps (B * T, C, h, w)."""
        return self.values[:, :, : -self.memory].flatten(0, 1).transpose(1, 2).unflatten(2, (height, width))


class InterFrameEncoder(nn.Module):
    """Alternates between layers inside each frame and layers among the memory tokens of all frames."""

    def __init__(
        self, *, channels: int, heads: int, feedforward: int, layers: int, memory_tokens: int, dropout: float
    ) -> None:
        super().__init__()
        self.memory = nn.Parameter(torch.empty(memory_tokens, channels))
        self.memory_position = nn.Parameter(torch.empty(memory_tokens, channels))
        self.frame_layers, self.memory_layers = (
            nn.ModuleList(EncoderLayer(channels, heads, feedforward, dropout) for _ in range(layers)) for _ in range(2)
        )
        initialise_video_module(self)
        for tokens in (self.memory, self.memory_position):
            nn.init.normal_(tokens, std=math.sqrt(2 / memory_tokens))  # He, over the tokens, as in the release

    def forward(self, maps: Tensor, padding: Tensor | None) -> ClipTokens:
        """maps: (B, T, C, h, w); padding: bool (B, T, h, w), None where there is none."""
        tokens = self.tokens(maps, padding)
        for frame_layer, memory_layer in zip(self.frame_layers, self.memory_layers, strict=True):
            tokens = self._inside_frames(frame_layer, tokens)
            tokens = self._between_frames(memory_layer, tokens)
        return tokens

    def tokens(self, maps: Tensor, padding: Tensor | None) -> ClipTokens:
        """What the first layer gets: every frame's positions, and the same learnt memory tokens for all frames."""
        clips, frames, channels, height, width = maps.shape
        everywhere = maps.new_zeros((clips * frames, height, width), dtype=torch.bool)
        place = sine_position(everywhere if padding is None else padding.flatten(0, 1), channels)
        place = place.flatten(2).transpose(1, 2).unflatten(0, (clips, frames))
        memory, memory_place = (t.expand(clips, frames, -1, -1) for t in (self.memory, self.memory_position))
        allowed = None
        if padding is not None:
            always = padding.new_ones(clips, frames, len(self.memory))
            allowed = torch.cat([~padding.flatten(2), always], 2)
        values = torch.cat([maps.flatten(3).transpose(2, 3), memory], 2)
        return ClipTokens(values, torch.cat([place, memory_place], 2), allowed, len(self.memory))

    def _inside_frames(self, layer: nn.Module, tokens: ClipTokens) -> ClipTokens:
        """Each frame's positions and memory tokens among themselves."""
        allowed = None if tokens.allowed is None else tokens.allowed.flatten(0, 1)[:, None]
        values = layer(tokens.values.flatten(0, 1), tokens.position.flatten(0, 1), allowed)
        return replace(tokens, values=values.view_as(tokens.values))

    def _between_frames(self, layer: nn.Module, tokens: ClipTokens) -> ClipTokens:
        """Memory tokens of the same number, over all frames of the clip; they do not know of time or of each other."""
        seen, memory = tokens.values.split([tokens.values.shape[2] - tokens.memory, tokens.memory], 2)
        by_number = memory.transpose(1, 2)  # (B, M, T, C)
        mixed = layer(by_number.flatten(0, 1)).view(by_number.shape)
        return replace(tokens, values=torch.cat([seen, mixed.transpose(1, 2)], 2))
