"""Backbones, off the shelf: their options, and the module for methods that use one without the frame detector.

Legend: F frames, C channels, h w positions of a map.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from transformers import ResNetBackbone, ResNetConfig, SwinBackbone, SwinConfig

from vita.blocks.initialisation import initialise_backbone
from vita.core.config_base import Frozen


class ResNetOptions(Frozen):
    """A residual network; defaults are ResNet-50."""

    kind: Literal["resnet"] = "resnet"
    stem_channels: PositiveInt = 64
    channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (256, 512, 1024, 2048)
    depths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (3, 4, 6, 3)
    block: Literal["basic", "bottleneck"] = "bottleneck"

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every stage's map."""
        return self.channels

    def configuration(self, stages: int = 4) -> ResNetConfig:
        """For the library; every stage gives a map. Fewer stages than four leave out the coarsest."""
        return ResNetConfig(
            embedding_size=self.stem_channels,
            hidden_sizes=list(self.channels[:stages]),
            depths=list(self.depths[:stages]),
            layer_type=self.block,
            out_features=[f"stage{stage + 1}" for stage in range(stages)],
        )


class SwinOptions(Frozen):
    """A Swin transformer; defaults are Swin-L pre-trained at 384 pixels."""

    kind: Literal["swin"]
    channels: PositiveInt = 192
    depths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (2, 2, 18, 2)
    heads: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (6, 12, 24, 48)
    window: PositiveInt = 12
    drop_path: float = Field(0.3, ge=0.0, lt=1.0)

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every stage's map."""
        return tuple(self.channels * 2**stage for stage in range(4))

    def configuration(self, stages: int = 4) -> SwinConfig:
        """For the library; every stage gives a map. Fewer stages than four leave out the coarsest."""
        return SwinConfig(
            embed_dim=self.channels,
            depths=list(self.depths[:stages]),
            num_heads=list(self.heads[:stages]),
            window_size=self.window,
            drop_path_rate=self.drop_path,
            out_features=[f"stage{stage + 1}" for stage in range(stages)],
        )


class FrozenBatchNorm(nn.Module):
    """Batch norm whose statistics and affine terms are constants, as in the released detectors."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, maps: Tensor) -> Tensor:
        """(F, C, h, w) -> (F, C, h, w)."""
        scale = self.get_buffer("weight") * (self.get_buffer("running_var") + self.eps).rsqrt()
        shift = self.get_buffer("bias") - self.get_buffer("running_mean") * scale
        return maps * scale[:, None, None] + shift[:, None, None]


def freeze_batch_norm(module: nn.Module) -> None:
    """Replace every batch norm inside `module` by a frozen one with the same values."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            frozen = FrozenBatchNorm(child.num_features, child.eps)
            frozen.load_state_dict({key: value for key, value in child.state_dict().items() if "batches" not in key})
            setattr(module, name, frozen)
        else:
            freeze_batch_norm(child)


def drop_unused_norm(backbone: nn.Module) -> None:
    """Take away the last norm of the library's Swin, which no stage's map passes through: weights without gradient."""
    if isinstance(backbone, SwinBackbone):
        backbone.set_submodule("swin.layernorm", nn.Identity())


class Backbone(nn.Module):
    """A feature extractor alone, freshly initialised."""

    def __init__(self, config: ResNetConfig | SwinConfig, norm: Literal["frozen", "trained"]) -> None:
        super().__init__()
        self.extractor = ResNetBackbone(config) if isinstance(config, ResNetConfig) else SwinBackbone(config)
        drop_unused_norm(self.extractor)
        initialise_backbone(self.extractor)
        if norm == "frozen":
            freeze_batch_norm(self.extractor)

    def freeze(self, parts: int) -> None:
        """Take the first parts out of training: the stem, then stage after stage."""
        if isinstance(self.extractor, SwinBackbone):
            inside = self.extractor.swin
            every = [inside.embeddings, *inside.encoder.layers]
        else:
            every = [self.extractor.embedder, *self.extractor.encoder.stages]
        for part in every[:parts]:
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """images (F, 3, H, W) normalised -> maps (F, C, h, w) at strides 4, 8, 16, 32, or as many of them."""
        maps: list[Tensor] = list(self.extractor(images).feature_maps)
        return maps
