"""VITA as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import nn
from transformers import ResNetConfig, SwinConfig

from vita.config import Frozen, parse
from vita.contract import UserError
from vita.detector import FrameDetector
from vita.losses.set_loss import SetCriterion
from vita.model import Stage, Vita, VitaVariant
from vita.object_decoder import ObjectDecoder
from vita.object_encoder import ObjectEncoder
from vita.pruning import Control


class ResNetOptions(Frozen):
    """A residual network; defaults are ResNet-50."""

    kind: Literal["resnet"] = "resnet"
    stem_channels: PositiveInt = 64
    channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (256, 512, 1024, 2048)
    depths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (3, 4, 6, 3)
    block: Literal["basic", "bottleneck"] = "bottleneck"

    def configuration(self) -> ResNetConfig:
        """For the library; all four stages feed the pixel decoder."""
        return ResNetConfig(
            embedding_size=self.stem_channels,
            hidden_sizes=list(self.channels),
            depths=list(self.depths),
            layer_type=self.block,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )


class SwinOptions(Frozen):
    """A Swin transformer; defaults are Swin-L pre-trained at 384 pixels."""

    kind: Literal["swin"]
    channels: PositiveInt = 192
    depths: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (2, 2, 18, 2)
    heads: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (6, 12, 24, 48)
    window: PositiveInt = 12
    drop_path: float = Field(0.3, ge=0.0, lt=1.0)

    def configuration(self) -> SwinConfig:
        """For the library; all four stages feed the pixel decoder."""
        return SwinConfig(
            embed_dim=self.channels,
            depths=list(self.depths),
            num_heads=list(self.heads),
            window_size=self.window,
            drop_path_rate=self.drop_path,
            out_features=["stage1", "stage2", "stage3", "stage4"],
        )


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


class VitaOptions(Frozen):
    """All of VITA; defaults are the released model with ResNet-50."""

    detector: DetectorOptions = DetectorOptions()
    heads: PositiveInt = 8
    feedforward: PositiveInt = 2048
    encoder_layers: PositiveInt = 6
    decoder_layers: PositiveInt = 3
    video_queries: PositiveInt = 100
    window: NonNegativeInt = 6  # frames; 0 = attention over all frames
    fed_layers: PositiveInt = 3  # the last layers of the frame decoder that feed VITA in training
    stage: Stage = "joint"
    similarity_weight: NonNegativeFloat = 0.5
    frame_points: PositiveInt = 12544
    video_points: PositiveInt = 12544  # per frame


class VitaInference(Frozen):
    """Options of one inference variant."""

    window: NonNegativeInt | None = None
    prune_ratio: float = Field(1.0, gt=0.0, le=1.0)
    control: Control | None = None
    shift: bool = True


class VitaDefinition:
    """The entry point `vita` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """A freshly initialised VITA. Raises UserError naming an unknown or impossible option."""
        return build_vita(parse(VitaOptions, dict(options), "options of method vita"), num_classes)

    def read_variant(self, options: Mapping[str, Any]) -> VitaVariant:
        """An inference variant. Raises UserError naming an unknown or impossible option."""
        return VitaVariant(**parse(VitaInference, dict(options), "inference options of method vita").model_dump())


def build_vita(options: VitaOptions, num_classes: int) -> Vita:
    """Parts from options, put together. Raises UserError where sizes do not fit each other."""
    detector = options.detector
    if options.fed_layers > detector.decoder_layers:
        raise UserError(
            f"options.fed_layers is {options.fed_layers}, but the frame decoder has only "
            f"{detector.decoder_layers} layers (options.detector.decoder_layers)"
        )
    _check_heads(options)
    channels = detector.channels
    sizes = {"channels": channels, "heads": options.heads, "feedforward": options.feedforward}
    return Vita(
        detector=build_detector(detector, num_classes),
        encoder=ObjectEncoder(**sizes, layers=options.encoder_layers),
        decoder=ObjectDecoder(
            **sizes,
            layers=options.decoder_layers,
            video_queries=options.video_queries,
            frame_queries=detector.queries,
        ),
        channels=channels,
        num_classes=num_classes,
        window=options.window,
        fed_layers=options.fed_layers,
        stage=options.stage,
        similarity_weight=options.similarity_weight,
        frame_criterion=SetCriterion(points=options.frame_points),
        video_criterion=SetCriterion(points=options.video_points),
    )


def _check_heads(options: VitaOptions) -> None:
    """Raises UserError where attention heads do not divide the channels they share."""
    detector = options.detector
    shares = [("heads", options.heads, detector.channels), ("detector.heads", detector.heads, detector.channels)]
    if isinstance(detector.backbone, SwinOptions):
        widths = [detector.backbone.channels * 2**stage for stage in range(4)]
        shares += [("detector.backbone.heads", *pair) for pair in zip(detector.backbone.heads, widths, strict=True)]
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


definition = VitaDefinition()
