"""VITA as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import nn

from vita.config_file import Frozen, parse
from vita.contract import UserError
from vita.detector_options import DetectorOptions, build_detector, check_shares
from vita.losses.set_loss import SetCriterion
from vita.model import Stage, Vita, VitaVariant
from vita.object_decoder import ObjectDecoder
from vita.object_encoder import ObjectEncoder
from vita.pruning import Control
from vita.weights.vita_official import VitaOfficial


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

    @property
    def official(self) -> VitaOfficial:
        """The released implementation."""
        return VitaOfficial()

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
    channels = detector.channels
    check_shares([("heads", options.heads, channels)])
    detector.check_heads()
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


definition = VitaDefinition()
