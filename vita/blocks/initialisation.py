"""Initial weights, written out: the library's own have changed between its versions.

The schemes are those of the released code: He for the backbone, Xavier for projections and transformers, unit normal
for queries and level embeddings, and sampling offsets of deformable attention that fan out from each position.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import Mask2FormerModel
from transformers.models.mask2former import modeling_mask2former as library


def initialise_detector(model: Mask2FormerModel, class_head: nn.Linear) -> None:
    """Set every weight of a frame detector from torch's global generator."""
    initialise_pixel_level(model.pixel_level_module)
    model.transformer_module.apply(_initialise_transformer)
    initialise_head(model.transformer_module.decoder.mask_predictor)
    initialise_head(class_head)


def initialise_pixel_level(module: library.Mask2FormerPixelLevelModule) -> None:
    """Set every weight of a backbone and a pixel decoder."""
    initialise_backbone(module.encoder)
    module.decoder.apply(_initialise_transformer)
    nn.init.normal_(module.decoder.level_embed)


def initialise_head(module: nn.Module) -> None:
    """Torch's default for linear layers, made explicit: the heads of a mask transformer keep it."""
    module.apply(_initialise_linear_default)


def initialise_backbone(backbone: nn.Module) -> None:
    """He for convolutions, a narrow normal for transformers."""
    backbone.apply(_initialise_backbone)


def initialise_video_module(module: nn.Module) -> None:
    """Xavier for attention and feed-forward blocks; unit normal for embeddings (torch's default, made explicit)."""
    module.apply(_initialise_transformer)


def _initialise_backbone(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
    _zero_bias(module)
    _unit_norm(module)


def _initialise_transformer(module: nn.Module) -> None:
    if isinstance(module, library.Mask2FormerPixelDecoderEncoderMultiscaleDeformableAttention):
        nn.init.zeros_(module.sampling_offsets.weight)
        nn.init.zeros_(module.attention_weights.weight)
        with torch.no_grad():
            module.sampling_offsets.bias.copy_(fan_of_offsets(module.n_heads, module.n_levels, module.n_points))
        return
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_uniform_(module.weight, a=1)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
    elif isinstance(module, nn.MultiheadAttention):
        nn.init.xavier_uniform_(module.in_proj_weight)
        nn.init.zeros_(module.in_proj_bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight)
    _zero_bias(module)
    _unit_norm(module)


def _initialise_linear_default(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        bound = 1 / math.sqrt(module.in_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.uniform_(module.bias, -bound, bound)


def _zero_bias(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _unit_norm(module: nn.Module) -> None:
    if isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)


def fan_of_offsets(heads: int, levels: int, points: int) -> Tensor:
    """Sampling offsets, (heads * levels * points * 2,): a direction for each head, point p at distance p + 1."""
    angles = torch.arange(heads) * (2 * math.pi / heads)
    directions = torch.stack([angles.cos(), angles.sin()], -1)
    directions = directions / directions.abs().max(-1, keepdim=True).values
    distances = torch.arange(1, points + 1)
    fan = directions[:, None, None, :] * distances[None, None, :, None]
    return fan.expand(heads, levels, points, 2).reshape(-1)
