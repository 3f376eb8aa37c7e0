"""Object Encoder: windowed self-attention over the object tokens of all frames (paper, section 3.2).

Legend: B clips, T frames, Q object tokens of a frame, C channels, W frames of a window.
"""

from __future__ import annotations

from itertools import groupby, pairwise

import torch
from torch import Tensor, nn

from vita.blocks.attention import AttentionBlock, FeedForwardBlock


def frame_groups(frames: int, window: int, shifted: bool) -> list[tuple[int, int]]:
    """The frame intervals [start, stop) inside which tokens attend to each other; window 0 is one group of all.

    Shifted windows are moved by half a window, rounded up, and the first and the last group are cut short: what the
    released code reaches by rolling, padding and additive masks is plain attention inside these groups.
    """
    if window == 0:
        return [(0, frames)]
    first = window // 2 if shifted else 0
    padded = -(-frames // window) * window
    edges = [0, *range(first or window, padded, window), frames]
    edges = [edge for edge in edges if edge < frames] + [frames]
    return list(pairwise(edges))


class EncoderLayer(nn.Module):
    """Self-attention inside frame groups, then the feed-forward network. Tokens carry no position at all."""

    def __init__(self, channels: int, heads: int, feedforward: int) -> None:
        super().__init__()
        self.attention = AttentionBlock(channels, heads)
        self.feedforward = FeedForwardBlock(channels, feedforward)

    def forward(self, tokens: Tensor, groups: list[tuple[int, int]]) -> Tensor:
        """tokens: (B, T, Q, C) -> (B, T, Q, C)."""
        runs = groupby(groups, key=lambda group: group[1] - group[0])
        # Unnamed, so that the parts are gone before the feed-forward network takes its memory.
        return self.feedforward(torch.cat([self._attend(tokens, length, list(run)) for length, run in runs], dim=1))

    def _attend(self, tokens: Tensor, length: int, run: list[tuple[int, int]]) -> Tensor:
        """Neighbouring groups of one length are one batch of sequences."""
        # Every group becomes a sequence of the tokens of all its frames.
        part = tokens[:, run[0][0] : run[-1][1]]
        sequences = part.reshape(-1, length * part.shape[2], part.shape[3])
        return self.attention(sequences, sequences, sequences, sequences).view_as(part)


class ObjectEncoder(nn.Module):
    """Projects frame queries to object tokens and lets those of neighbouring frames communicate."""

    def __init__(self, *, channels: int, heads: int, feedforward: int, layers: int) -> None:
        super().__init__()
        self.project = nn.Linear(channels, channels)
        self.layers = nn.ModuleList(EncoderLayer(channels, heads, feedforward) for _ in range(layers))

    def forward(self, frame_queries: Tensor, window: int, shift: bool) -> Tensor:
        """frame_queries: (B, T, Q, C) -> object tokens (B, T, Q, C).

        With `shift`, every second layer uses shifted windows: the release does so at inference, never in training.
        """
        # Project frame queries to object tokens.
        tokens = self.project(frame_queries)
        # Exchange what tokens know inside windows of frames, layer by layer.
        for number, layer in enumerate(self.layers):
            tokens = layer(tokens, frame_groups(tokens.shape[1], window, shift and number % 2 == 1))
        return tokens
