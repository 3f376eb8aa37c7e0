"""IFC as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field, NonNegativeFloat, PositiveInt
from torch import Tensor, nn

from vita.blocks.attention_kernel import attention_path
from vita.blocks.backbone import AnyBackbone, Backbone, Norm, ResNetOptions
from vita.blocks.detector_options import backbone_shares, check_shares
from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.losses.matching import Weights
from vita.core.config_base import Frozen, parse
from vita.core.contract import AttentionPath, FrameSource, UserError, VideoPrediction
from vita_baselines.ifc.decoder import ClipDecoder
from vita_baselines.ifc.encoder import InterFrameEncoder
from vita_baselines.ifc.inference import IfcVariant, clip_starts, predict_video
from vita_baselines.ifc.losses import DenseCriterion
from vita_baselines.ifc.mask_head import GROUPS, MaskHead
from vita_baselines.ifc.network import FrameMaps, IfcNetwork

NAME = "ifc"


class Ifc(IfcNetwork):
    """IFC with what the harness calls: it predicts videos, is counted, and is probed for memory."""

    @property
    def image_detector(self) -> None:
        """There is none: the queries are of clips."""
        return

    @torch.no_grad()
    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        """The network's part of `predict`: overlapping clips as released, with the masks of all queries of each."""
        maps, variant = self.see(normalise_and_pad([frames], divisor=1)), IfcVariant()
        starts = clip_starts(len(frames), variant.clip_frames, variant.stride)
        first, *others = (maps[start : start + variant.clip_frames] for start in starts)
        clips = first.joined(others)  # as one batch, which takes as much work as one after the other
        self.decode_last(clips, len(starts))

    def encode_frames(self, images: Tensor) -> tuple[Tensor, ...]:
        """The backbone's maps at C channels; see `vita.core.contract.ProbedMethod`."""
        maps = self.see(images)
        return maps.coarse, *maps.finer

    def decode_video(self, kept: Sequence[tuple[Tensor, ...]], variant: IfcVariant, attention: AttentionPath) -> None:
        """Encoder, decoder and masks of all frames as one clip, whatever the variant says of clips."""
        first, *others = (FrameMaps(coarse, (middle, fine)) for coarse, middle, fine in kept)
        maps = first.joined(others)
        with attention_path(attention):
            self.decode_last(maps, 1)

    @torch.no_grad()
    def predict(self, frames: FrameSource, variants: Mapping[str, IfcVariant], top_k: int) -> VideoPrediction:
        """Tracks under each variant from one pass of the backbone; see `vita_baselines.ifc.inference`.

        `top_k` does not apply: the release keeps all that is above a threshold; a variant may limit its own number.
        """
        return predict_video(self, frames, variants)


class IfcOptions(Frozen):
    """All of IFC; defaults are the released model with ResNet-50.

    encoder_stride: 32 as released; 16 leaves out the backbone's last stage, for images that are small to begin with.
    target_stride: of the masks that the loss compares, in pixels. frozen_stages: of the backbone, from the stem.
    """

    backbone: AnyBackbone = ResNetOptions()
    norm: Norm = "frozen"
    frozen_stages: int = Field(2, ge=0, le=5)
    encoder_stride: Literal[32, 16] = 32
    channels: PositiveInt = Field(256, multiple_of=GROUPS)
    heads: PositiveInt = 8
    feedforward: PositiveInt = 2048
    encoder_layers: PositiveInt = 3
    decoder_layers: PositiveInt = 3
    memory_tokens: PositiveInt = 8  # of a frame
    queries: PositiveInt = 100
    dropout: float = Field(0.1, ge=0.0, lt=1.0)
    mask_weight: NonNegativeFloat = 3.0
    dice_weight: NonNegativeFloat = 3.0  # in the loss and in matching
    no_object_weight: NonNegativeFloat = 0.1
    target_stride: PositiveInt = 4


class IfcDefinition:
    """The entry point `ifc` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """A freshly initialised IFC. Raises UserError naming an unknown or impossible option."""
        return build(parse(IfcOptions, dict(options), f"options of method {NAME}"), num_classes)

    def read_variant(self, options: Mapping[str, Any]) -> IfcVariant:
        """An inference variant. Raises UserError naming an unknown or impossible option."""
        read = parse(IfcVariant, dict(options), f"inference options of method {NAME}")
        if read.stride > read.clip_frames:
            raise UserError(
                f"inference options of method {NAME}: stride is {read.stride}, more than the {read.clip_frames} frames "
                "of a clip (clip_frames), so that no clip would see some frames; give at most as many"
            )
        return read


def build(options: IfcOptions, num_classes: int) -> Ifc:
    """Parts from options, put together. Raises UserError where sizes do not fit each other."""
    check_heads(options)
    stages = 4 if options.encoder_stride == 32 else 3
    widths = options.backbone.widths[:stages]
    sizes = {"channels": options.channels, "heads": options.heads, "feedforward": options.feedforward}
    return Ifc(
        backbone=Backbone(options.backbone, options.norm, stages),
        backbone_channels=widths,
        encoder=InterFrameEncoder(
            **sizes, layers=options.encoder_layers, memory_tokens=options.memory_tokens, dropout=options.dropout
        ),
        decoder=ClipDecoder(**sizes, layers=options.decoder_layers, queries=options.queries, dropout=options.dropout),
        mask_head=MaskHead(options.channels, (widths[-2], widths[-3])),
        channels=options.channels,
        num_classes=num_classes,
        stride=options.encoder_stride,
        frozen_stages=options.frozen_stages,
        criterion=DenseCriterion(
            Weights(1.0, options.mask_weight, options.dice_weight), options.no_object_weight, options.target_stride
        ),
    )


def check_heads(options: IfcOptions) -> None:
    """Raises UserError where attention heads do not divide the channels they share."""
    check_shares([("heads", options.heads, options.channels), *backbone_shares(options.backbone)])


definition = IfcDefinition()
