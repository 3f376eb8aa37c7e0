"""The video decoder: queries gather one object from all positions of all frames of a clip at once.

Legend: B clips, T frames, F = B * T images, N queries, C channels, K classes, S = T * h * w tokens of one level,
h w positions of a map.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vita.blocks.attention import DecoderLayer, MaskEmbedding
from vita.blocks.clip_position import position_in_clip
from vita.blocks.initialisation import initialise_head, initialise_video_module
from vita.blocks.pixel_decoder import PixelMaps

LEVELS = 3  # strides 32, 16 and 8, in turn


@dataclass(frozen=True)
class Prediction:
    """What the queries say at one depth of the decoder."""

    class_logits: Tensor  # (B, N, K+1), the last class is "no object"
    mask_logits: Tensor  # (B, N, T, h, w) at stride 4


class MaskedVideoDecoder(nn.Module):
    """Each layer looks only where the prediction before it saw the query's object."""

    def __init__(
        self, *, channels: int, heads: int, feedforward: int, layers: int, queries: int, num_classes: int
    ) -> None:
        super().__init__()
        self.query_content = nn.Embedding(queries, channels)
        self.query_position = nn.Embedding(queries, channels)
        self.level_embedding = nn.Embedding(LEVELS, channels)
        self.layers = nn.ModuleList(DecoderLayer(channels, heads, feedforward) for _ in range(layers))
        self.norm = nn.LayerNorm(channels)
        self.class_head = nn.Linear(channels, num_classes + 1)
        self.mask_embedding = MaskEmbedding(channels)
        initialise_video_module(self)
        for head in (self.class_head, self.mask_embedding):
            initialise_head(head)

    def forward(self, maps: PixelMaps, clips: int) -> Iterator[Prediction]:
        """Maps of F images, clip by clip -> predictions of the bare queries and after every layer, one at a time."""
        # Flatten each level of all frames of a clip into one sequence of tokens.
        features = maps.mask_features.unflatten(0, (clips, -1))  # (B, T, C, h, w)
        levels = [self._tokens(level, number, clips) for number, level in enumerate(maps.levels)]
        # Predict from the bare queries: the first layer needs masks to look inside.
        queries = self.query_content.weight.expand(clips, -1, -1)
        prediction = self._predict(queries, features)
        yield prediction
        for number, layer in enumerate(self.layers):
            # Attend, level by level in turn, inside the masks predicted before; then predict anew.
            level = number % LEVELS
            height, width = maps.levels[level].shape[2:]
            allowed = allowed_tokens(tokens_inside(prediction.mask_logits, height, width))
            queries = layer(queries, self.query_position.weight, *levels[level], allowed)
            prediction = self._predict(queries, features)
            yield prediction

    def _tokens(self, level: Tensor, number: int, clips: int) -> tuple[Tensor, Tensor]:
        """Keys and values (B, S, C) of a level (F, C, h, w), frame by frame; only keys know where they lie.

        An image is a clip of one frame: time then adds the same to all keys, which attention leaves out, so that this
        is the image model's decoder, as the release starts from.
        """
        frames = level.unflatten(0, (clips, -1)).permute(0, 1, 3, 4, 2)  # (B, T, h, w, C)
        values = (frames + self.level_embedding.weight[number]).flatten(1, 3)
        return values + position_in_clip(frames.shape[1:], level.device).flatten(0, 2), values

    def _predict(self, queries: Tensor, features: Tensor) -> Prediction:
        normed = self.norm(queries)
        masks = torch.einsum("bnc,btchw->bnthw", self.mask_embedding(normed), features)
        return Prediction(self.class_head(normed), masks)


@torch.no_grad()
def tokens_inside(mask_logits: Tensor, height: int, width: int) -> Tensor:
    """Tokens of a level that lie inside each query's masks: mask_logits (B, N, T, h, w) -> bool (B, N, S).

    Frame by frame the mask is resized to the level; inside is where it is at least one half.
    """
    clips, queries = mask_logits.shape[:2]
    resized = F.interpolate(mask_logits.flatten(0, 1), size=(height, width), mode="bilinear", align_corners=False)
    return (resized.sigmoid() >= 0.5).reshape(clips, queries, -1)


def allowed_tokens(inside: Tensor) -> Tensor:
    """Which tokens each query may attend to, (B, N, S): those inside; all where no frame has any."""
    return inside | ~inside.any(2, keepdim=True)
