"""MinVIS as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import PositiveInt
from torch import nn

from vita.blocks.detector_options import DetectorOptions
from vita.blocks.frame_detector import FrameDetector
from vita.blocks.losses.set_criterion import SetCriterion
from vita.core.config_base import Frozen, parse
from vita_baselines.minvis.network import MinVis

NAME = "minvis"


class MinVisOptions(Frozen):
    """All of MinVIS; defaults are the released model with ResNet-50.

    detector: the same keys as of VITA's frame detector, whose weights it can start from.
    """

    detector: DetectorOptions = DetectorOptions()
    points: PositiveInt = 12544  # of a mask, in one frame


class MinVisInference(Frozen):
    """Options of one inference variant: there are none."""


class MinVisDefinition:
    """The entry point `minvis` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """A freshly initialised MinVIS. Raises UserError naming an unknown or impossible option."""
        read = parse(MinVisOptions, dict(options), f"options of method {NAME}")
        read.detector.check_heads()
        return MinVis(FrameDetector(read.detector, num_classes), SetCriterion(points=read.points))

    def read_variant(self, options: Mapping[str, Any]) -> MinVisInference:
        """An inference variant. Raises UserError naming any option: there are none."""
        return parse(MinVisInference, dict(options), f"inference options of method {NAME}")


definition = MinVisDefinition()
