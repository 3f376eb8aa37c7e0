"""Backbones, off the shelf: all that a model knows of a kind of backbone, and the module for methods without the frame
detector.

A new kind is a class of options here, and a member of `AnyBackbone`; what its published files are called stands in
`vita.official.checkpoints.backbone_kinds`.

Legend: F frames, C channels, h w positions of a map.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from transformers import PreTrainedConfig, ResNetBackbone, ResNetConfig, SwinBackbone, SwinConfig

from vita.blocks.clip_dropout import key_drop_path
from vita.blocks.initialisation import initialise_backbone
from vita.core.config_base import Frozen

FourSizes = tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt]  # one a stage
Norm = Literal["frozen", "trained"]


class BackboneOptions(Frozen):
    """A kind of backbone: four stages, whose maps have strides 4, 8, 16 and 32.

    Each kind has a key `kind` with a value of its own. `library`: the transformers class of its module.
    """

    library: ClassVar[type[Any]]

    @property
    @abstractmethod
    def widths(self) -> tuple[int, ...]:
        """Channels of every stage's map."""

    @abstractmethod
    def configuration(self, stages: int = 4) -> PreTrainedConfig:
        """For the library; every stage gives a map. Fewer stages than four leave out the coarsest."""

    @abstractmethod
    def parts(self, extractor: nn.Module) -> list[nn.Module]:
        """What a module of this kind consists of, from the input: the stem, then stage after stage."""

    @property
    def head_counts(self) -> tuple[int, ...]:
        """Attention heads of every stage, each of which has to divide the stage's width; none without attention."""
        return ()

    def adapt(self, extractor: nn.Module) -> None:
        """Change the library's module to what training here needs; its maps stay as they are."""


class ResNetOptions(BackboneOptions):
    """A residual network; defaults are ResNet-50."""

    library: ClassVar[type[Any]] = ResNetBackbone

    kind: Literal["resnet"] = "resnet"
    stem_channels: PositiveInt = 64
    channels: FourSizes = (256, 512, 1024, 2048)
    depths: FourSizes = (3, 4, 6, 3)
    block: Literal["basic", "bottleneck"] = "bottleneck"

    @property
    def widths(self) -> tuple[int, ...]:
        """See `BackboneOptions`."""
        return self.channels

    def configuration(self, stages: int = 4) -> ResNetConfig:
        """See `BackboneOptions`."""
        return ResNetConfig(
            embedding_size=self.stem_channels,
            hidden_sizes=list(self.channels[:stages]),
            depths=list(self.depths[:stages]),
            layer_type=self.block,
            out_features=stage_names(stages),
        )

    def parts(self, extractor: Any) -> list[nn.Module]:
        """See `BackboneOptions`."""
        return [extractor.embedder, *extractor.encoder.stages]


class SwinOptions(BackboneOptions):
    """A Swin transformer; defaults are Swin-L pre-trained at 384 pixels."""

    library: ClassVar[type[Any]] = SwinBackbone

    kind: Literal["swin"]
    channels: PositiveInt = 192
    depths: FourSizes = (2, 2, 18, 2)
    heads: FourSizes = (6, 12, 24, 48)
    window: PositiveInt = 12
    drop_path: float = Field(0.3, ge=0.0, lt=1.0)

    @property
    def widths(self) -> tuple[int, ...]:
        """See `BackboneOptions`."""
        return tuple(self.channels * 2**stage for stage in range(4))

    @property
    def head_counts(self) -> tuple[int, ...]:
        """See `BackboneOptions`."""
        return self.heads

    def configuration(self, stages: int = 4) -> SwinConfig:
        """See `BackboneOptions`."""
        return SwinConfig(
            embed_dim=self.channels,
            depths=list(self.depths[:stages]),
            num_heads=list(self.heads[:stages]),
            window_size=self.window,
            drop_path_rate=self.drop_path,
            out_features=stage_names(stages),
        )

    def parts(self, extractor: Any) -> list[nn.Module]:
        """See `BackboneOptions`."""
        return [extractor.swin.embeddings, *extractor.swin.encoder.layers]

    def adapt(self, extractor: nn.Module) -> None:
        """Without the last norm, which no map passes through: no gradient would reach it. Drop path draws by clip."""
        extractor.set_submodule("swin.layernorm", nn.Identity())
        key_drop_path(extractor)


AnyBackbone = Annotated[ResNetOptions | SwinOptions, Field(discriminator="kind")]


def stage_names(stages: int) -> list[str]:
    """The library's names of the first stages."""
    return [f"stage{stage + 1}" for stage in range(stages)]


class FrozenBatchNorm(nn.Module):
    """Batch norm whose statistics and affine terms are constants, as in the released detectors."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((channels,), value))

    def forward(self, maps: Tensor) -> Tensor:
        """(F, C, h, w) -> (F, C, h, w), in the precision of the maps."""
        if not maps.requires_grad:
            weight, bias = self.get_buffer("weight"), self.get_buffer("bias")
            mean, variance = self.get_buffer("running_mean"), self.get_buffer("running_var")
            return F.batch_norm(maps, mean, variance, weight, bias, training=False, eps=self.eps)
        # Where a gradient is wanted, that call would keep the maps for gradients of weight and bias, of which are none.
        scale, shift = self.scale_and_shift()
        return maps * scale[:, None, None].to(maps.dtype) + shift[:, None, None].to(maps.dtype)

    def scale_and_shift(self) -> tuple[Tensor, Tensor]:
        """What maps are multiplied with, and what is then added to them: (C,) each."""
        scale = self.get_buffer("weight") * (self.get_buffer("running_var") + self.eps).rsqrt()
        return scale, self.get_buffer("bias") - self.get_buffer("running_mean") * scale


def freeze_batch_norm(module: nn.Module) -> None:
    """Replace every batch norm inside `module` by a frozen one with the same values."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            frozen = FrozenBatchNorm(child.num_features, child.eps)
            frozen.load_state_dict({key: value for key, value in child.state_dict().items() if "batches" not in key})
            setattr(module, name, frozen)
        else:
            freeze_batch_norm(child)


class Backbone(nn.Module):
    """A feature extractor alone, freshly initialised, of the first `stages` stages."""

    def __init__(self, options: BackboneOptions, norm: Norm, stages: int = 4) -> None:
        super().__init__()
        self.options = options
        self.extractor = options.library(options.configuration(stages))
        options.adapt(self.extractor)
        initialise_backbone(self.extractor)
        if norm == "frozen":
            freeze_batch_norm(self.extractor)

    def freeze(self, parts: int) -> None:
        """Take the first parts out of training: the stem, then stage after stage."""
        for part in self.options.parts(self.extractor)[:parts]:
            part.requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """images (F, 3, H, W) normalised -> maps (F, C, h, w) at strides 4, 8, 16, 32, or as many of them."""
        maps: list[Tensor] = list(self.extractor(images).feature_maps)
        return maps
