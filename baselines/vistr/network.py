"""VisTR's transformer: every position of every frame attends to all others, and each frame has queries of its own.

It cannot be trained or evaluated here. Left out is what turns attention of a query in one frame into a mask, which
works on that frame alone: the encoder's attention is what grows with the square of the frames.

Legend: T frames, F frames of a chunk, S = T * h * w positions, N queries, C channels, h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import torch
from torch import Tensor, nn

from vita.blocks.attention import EncoderLayer, QueryLayer
from vita.blocks.attention_kernel import attention_path
from vita.blocks.backbone import Backbone
from vita.blocks.clip_position import waves
from vita.core.contract import AttentionPath, Clip, FrameSource, UserError


class VisTr(nn.Module):
    """Backbone, encoder, decoder and classes."""

    def __init__(
        self,
        *,
        backbone: Backbone,
        backbone_channels: int,
        channels: int,
        heads: int,
        feedforward: int,
        encoder_layers: int,
        decoder_layers: int,
        queries_per_frame: int,
        num_classes: int,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projection = nn.Conv2d(backbone_channels, channels, 1)
        self.encoder = nn.ModuleList(EncoderLayer(channels, heads, feedforward) for _ in range(encoder_layers))
        self.decoder = nn.ModuleList(QueryLayer(channels, heads, feedforward) for _ in range(decoder_layers))
        self.query_position = nn.Embedding(queries_per_frame, channels)
        self.class_head = nn.Linear(channels, num_classes + 1)

    def encode_frames(self, images: Tensor) -> Tensor:
        """The backbone's last map of frames (F, 3, H, W), at C channels: (F, C, h, w)."""
        projected: Tensor = self.projection(self.backbone(images)[-1])
        return projected

    @torch.no_grad()
    def decode_video(self, kept: Sequence[Tensor], variant: object, attention: AttentionPath) -> None:
        """Encoder and decoder on all frames; see `vita.core.contract.ProbedMethod`."""
        # One sequence of all positions of all frames.
        maps = torch.cat(list(kept))
        position = position_in_video(maps)
        tokens = maps.permute(0, 2, 3, 1).flatten(0, 2)[None]
        # The paper learns queries for the frames of one clip; for more frames they are those of a frame, repeated.
        query_position = self.query_position.weight.repeat(len(maps), 1)
        queries = torch.zeros_like(query_position)[None]
        # Every position attends to all others, then the queries of all frames to all positions.
        with attention_path(attention):
            for layer in self.encoder:
                tokens = layer(tokens, position)
            keys = tokens + position
            for layer in self.decoder:
                queries = layer(queries, query_position, keys, tokens)
        self.class_head(queries)

    def forward(self, clips: Sequence[Clip]) -> NoReturn:
        """Raises UserError: nothing here can be trained."""
        raise UserError("method vistr: only its architecture is here, for the memory probe; it cannot be trained")

    def predict(self, frames: FrameSource, variants: Mapping[str, object], top_k: int) -> NoReturn:
        """Raises UserError: without masks there are no tracks."""
        raise UserError("method vistr: only its architecture is here, for the memory probe; it cannot predict")

    def backbone_parameters(self) -> list[nn.Parameter]:
        """The backbone's."""
        return list(self.backbone.parameters())

    def state_to_keep(self) -> dict[str, Tensor]:
        """All weights."""
        return self.state_dict()


def position_in_video(maps: Tensor) -> Tensor:
    """Sines and cosines of time, row and column, a third of the channels each: maps (T, C, h, w) -> (S, C)."""
    frames, channels, height, width = maps.shape
    third = channels // 3
    t, y, x = (waves(size, third, maps.device).to(maps.dtype) for size in (frames, height, width))
    shape = (frames, height, width, third)
    axes = (t[:, None, None], y[None, :, None], x[None, None])
    return torch.cat([axis.expand(shape) for axis in axes], 3).flatten(0, 2)
