"""The frame detector's options, shared by all methods that are built on it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from vita.blocks.backbone import ResNetOptions, SwinOptions
from vita.blocks.frame_detector import FrameDetector
from vita.blocks.pixel_decoder import PixelLevel, library_configuration
from vita.core.config_base import Frozen
from vita.core.contract import UserError


class DetectorOptions(Frozen):
    """The frame detector. norm: "frozen" batch norm for loaded weights, "trained" for training from scratch."""

    backbone: ResNetOptions | SwinOptions = Field(ResNetOptions(), discriminator="kind")
    channels: PositiveInt = Field(256, multiple_of=32)
    heads: PositiveInt = 8
    feedforward: PositiveInt = 2048
    queries: PositiveInt = 100
    pixel_layers: PositiveInt = 6
    pixel_feedforward: PositiveInt = 1024
    decoder_layers: PositiveInt = 9
    norm: Literal["frozen", "trained"] = "frozen"

    def check_heads(self) -> None:
        """Raises UserError where attention heads do not divide the channels they share."""
        shares = [("detector.heads", self.heads, self.channels)]
        if isinstance(self.backbone, SwinOptions):
            widths = [self.backbone.channels * 2**stage for stage in range(4)]
            names = ("detector.backbone.heads",) * 4
            shares += zip(names, self.backbone.heads, widths, strict=True)
        check_shares(shares)


def check_shares(shares: list[tuple[str, int, int]]) -> None:
    """shares: (key, heads, channels). Raises UserError naming the first key whose heads do not divide its channels."""
    for key, heads, channels in shares:
        if channels % heads:
            raise UserError(f"options.{key} is {heads}; it must divide the {channels} channels that the heads share")


def build_detector(options: DetectorOptions, num_classes: int) -> FrameDetector:
    """The frame detector alone."""
    return FrameDetector(
        backbone=options.backbone.configuration(),
        num_classes=num_classes,
        channels=options.channels,
        heads=options.heads,
        feedforward=options.feedforward,
        queries=options.queries,
        pixel_layers=options.pixel_layers,
        pixel_feedforward=options.pixel_feedforward,
        decoder_layers=options.decoder_layers,
        norm=options.norm,
    )


def build_pixel_level(options: DetectorOptions) -> PixelLevel:
    """The detector's backbone and pixel decoder, for a method with a decoder of its own."""
    config = library_configuration(
        backbone=options.backbone.configuration(),
        channels=options.channels,
        heads=options.heads,
        pixel_layers=options.pixel_layers,
        pixel_feedforward=options.pixel_feedforward,
    )
    return PixelLevel(config, options.norm)
