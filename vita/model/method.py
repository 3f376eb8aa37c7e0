"""VITA as the harness meets it: options from configuration to a built model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import NonNegativeFloat, NonNegativeInt, PositiveInt
from torch import Tensor, nn

from vita.blocks.detector_options import DetectorOptions, check_shares
from vita.blocks.frame_detector import FrameDetector, normalise_and_pad
from vita.blocks.losses.set_criterion import SetCriterion
from vita.core.config_base import Frozen, parse
from vita.core.contract import KEEP_BYTES, AttentionPath, EncodedVideo, FrameSource, UserError, VideoPrediction
from vita.model.inference import encode_at_once, encode_in_chunks, feature_bytes, is_too_long
from vita.model.memory_probe import associate_along
from vita.model.network import Stage, VitaNetwork, VitaVariant
from vita.model.object_decoder import ObjectDecoder
from vita.model.object_encoder import ObjectEncoder


class Vita(VitaNetwork):
    """VITA with what the harness calls: it encodes and predicts videos, is counted, and is probed for memory."""

    @property
    def image_detector(self) -> nn.Module:
        """The frame detector, which finds objects in images by itself."""
        return self.detector

    @torch.no_grad()
    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        """The network's part of `predict`; see `vita.core.contract.CountedMethod`."""
        seen = self.detector(normalise_and_pad([frames]))
        video = self.associate(seen.queries[-1], seen.class_logits[-1].softmax(-1)[..., -1], VitaVariant())
        features = self.mask_projection(seen.pixel_map)
        torch.einsum("nc,tchw->nthw", video.mask_embeddings[-1, 0, :top_k], features)

    def encode_frames(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The last layer's frame queries (F, Q, C), and their probabilities of "no object" (F, Q)."""
        seen = self.detector(images)
        # Copies: those of all layers, and of all classes, lie in the same memory.
        return seen.queries[-1].clone(), seen.class_logits[-1].softmax(-1)[..., -1].clone()

    def decode_video(
        self, kept: Sequence[tuple[Tensor, Tensor]], variant: VitaVariant, attention: AttentionPath
    ) -> None:
        """`associate`; see `vita.core.contract.ProbedMethod`."""
        associate_along(self, kept, variant, attention)

    def encode_video(self, frames: FrameSource, top_k: int, keep_bytes: int = KEEP_BYTES) -> EncodedVideo:
        """One pass of the detector, from which any part of the video is predicted; see `vita.model.inference`.

        Of a video with more than `keep_bytes` of mask features, what is kept lies in temporary files.
        """
        if is_too_long(frames, self.mask_projection.out_channels, keep_bytes):
            return encode_in_chunks(self, frames, top_k)
        return encode_at_once(self, frames, top_k)

    def feature_bytes(self, frames: FrameSource) -> int:
        """What the mask features of all frames would take on disk."""
        return feature_bytes(frames, self.mask_projection.out_channels)

    def stream(self, frames: FrameSource, top_k: int, folder: Path, spool: bool) -> EncodedVideo:
        """As `encode_video`, of a video of any length, with what is kept in `folder`; see `vita.model.inference`."""
        return encode_in_chunks(self, frames, top_k, folder, spool)

    def predict(self, frames: FrameSource, variants: Mapping[str, VitaVariant], top_k: int) -> VideoPrediction:
        """Tracks under each variant from one pass of the detector."""
        return self.encode_video(frames, top_k).predict(0, len(frames), variants)


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


class VitaDefinition:
    """The entry point `vita` of the group `vita.methods`."""

    def build(self, options: Mapping[str, Any], num_classes: int) -> nn.Module:
        """A freshly initialised VITA. Raises UserError naming an unknown or impossible option."""
        return build_vita(parse(VitaOptions, dict(options), "options of method vita"), num_classes)

    def read_variant(self, options: Mapping[str, Any]) -> VitaVariant:
        """An inference variant. Raises UserError naming an unknown or impossible option."""
        return parse(VitaVariant, dict(options), "inference options of method vita")


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
        detector=FrameDetector(detector, num_classes),
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
