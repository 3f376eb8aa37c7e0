"""VisTR as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, PositiveInt
from torch import nn

from vita.blocks.backbone import AnyBackbone, Backbone, ResNetOptions
from vita.blocks.detector_options import check_shares
from vita.core.config_base import Frozen, parse
from vita_baselines.vistr.network import VisTr

NAME = "vistr"


class VisTrOptions(Frozen):
    """The architecture; defaults are as published, with ResNet-50."""

    backbone: AnyBackbone = ResNetOptions()
    channels: PositiveInt = Field(384, multiple_of=6)  # a third each for time, rows and columns
    heads: PositiveInt = 8
    feedforward: PositiveInt = 2048
    encoder_layers: PositiveInt = 6
    decoder_layers: PositiveInt = 6
    queries_per_frame: PositiveInt = 10


class NoOptions(Frozen):
    """There is one way of inference."""


class VisTrDefinition:
    """The entry point `vistr` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """The freshly initialised architecture. Raises UserError naming an unknown or impossible option."""
        read = parse(VisTrOptions, dict(options), f"options of method {NAME}")
        check_shares([("heads", read.heads, read.channels)])
        sizes = read.model_dump(exclude={"backbone"})
        return VisTr(
            backbone=Backbone(read.backbone, "frozen"),
            backbone_channels=read.backbone.widths[-1],
            num_classes=num_classes,
            **sizes,
        )

    def read_variant(self, options: Mapping[str, Any]) -> None:
        """Raises UserError on any option."""
        parse(NoOptions, dict(options), f"inference options of method {NAME}")


definition = VisTrDefinition()
