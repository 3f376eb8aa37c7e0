"""The frame detector's options, shared by all methods that are built on it."""

from __future__ import annotations

from pydantic import Field, PositiveInt
from transformers import Mask2FormerConfig

from vita.blocks.backbone import AnyBackbone, BackboneOptions, Norm, ResNetOptions
from vita.core.config_base import Frozen
from vita.core.contract import UserError


class DetectorOptions(Frozen):
    """The frame detector. norm: "frozen" batch norm for loaded weights, "trained" for training from scratch."""

    backbone: AnyBackbone = ResNetOptions()
    channels: PositiveInt = Field(256, multiple_of=32)
    heads: PositiveInt = 8
    feedforward: PositiveInt = 2048
    queries: PositiveInt = 100
    pixel_layers: PositiveInt = 6
    pixel_feedforward: PositiveInt = 1024
    decoder_layers: PositiveInt = 9
    norm: Norm = "frozen"

    def configuration(self) -> Mask2FormerConfig:
        """For the library, backbone included."""
        return Mask2FormerConfig(
            backbone_config=self.backbone.configuration(),
            feature_size=self.channels,
            mask_feature_size=self.channels,
            hidden_dim=self.channels,
            num_attention_heads=self.heads,
            encoder_feedforward_dim=self.pixel_feedforward,
            encoder_layers=self.pixel_layers,
            dim_feedforward=self.feedforward,
            num_queries=self.queries,
            decoder_layers=self.decoder_layers + 1,  # the library counts the prediction from the bare queries
        )

    def check_heads(self) -> None:
        """Raises UserError where attention heads do not divide the channels they share."""
        check_shares([("detector.heads", self.heads, self.channels), *backbone_shares(self.backbone, "detector.")])


def backbone_shares(backbone: BackboneOptions, prefix: str = "") -> list[tuple[str, int, int]]:
    """For `check_shares`, of every stage of a backbone with attention; `prefix` ends with a dot."""
    stages = zip(backbone.head_counts, backbone.widths, strict=False)
    return [(f"{prefix}backbone.heads", heads, channels) for heads, channels in stages]


def check_shares(shares: list[tuple[str, int, int]]) -> None:
    """shares: (key, heads, channels). Raises UserError naming the first key whose heads do not divide its channels."""
    for key, heads, channels in shares:
        if channels % heads:
            raise UserError(f"options.{key} is {heads}; it must divide the {channels} channels that the heads share")
