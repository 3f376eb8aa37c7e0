"""Mask2Former-VIS as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import PositiveInt
from torch import nn

from vita.blocks.detector_options import DetectorOptions
from vita.blocks.losses.set_criterion import SetCriterion
from vita.blocks.pixel_decoder import PixelLevel
from vita.core.config_base import Frozen, parse
from vita_baselines.mask2former_vis.decoder import MaskedVideoDecoder
from vita_baselines.mask2former_vis.network import Labels, Mask2FormerVis

NAME = "mask2former_vis"


class Mask2FormerVisOptions(Frozen):
    """All of Mask2Former-VIS; defaults are the released model with ResNet-50.

    detector: the same keys as of VITA's frame detector, whose every weight has its like here.
    """

    detector: DetectorOptions = DetectorOptions()
    points: PositiveInt = 12544  # of a mask, in one frame
    labels: Labels = "last_frame"


class Mask2FormerVisInference(Frozen):
    """Options of one inference variant: there are none."""


class Mask2FormerVisDefinition:
    """The entry point `mask2former_vis` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """A freshly initialised Mask2Former-VIS. Raises UserError naming an unknown or impossible option."""
        return build(parse(Mask2FormerVisOptions, dict(options), f"options of method {NAME}"), num_classes)

    def read_variant(self, options: Mapping[str, Any]) -> Mask2FormerVisInference:
        """An inference variant. Raises UserError naming any option: there are none."""
        return parse(Mask2FormerVisInference, dict(options), f"inference options of method {NAME}")


def build(options: Mask2FormerVisOptions, num_classes: int) -> Mask2FormerVis:
    """Parts from options, put together. Raises UserError where sizes do not fit each other."""
    detector = options.detector
    detector.check_heads()
    return Mask2FormerVis(
        pixel_level=PixelLevel(detector),
        decoder=MaskedVideoDecoder(
            channels=detector.channels,
            heads=detector.heads,
            feedforward=detector.feedforward,
            layers=detector.decoder_layers,
            queries=detector.queries,
            num_classes=num_classes,
        ),
        criterion=SetCriterion(points=options.points, frames="separate"),
        labels=options.labels,
    )


definition = Mask2FormerVisDefinition()
