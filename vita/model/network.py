"""VITA: objects of all frames, found independently, associated once for the whole video (paper, section 3).

Legend: B clips, T frames, F = B * T images, Q frame queries, N video queries, C channels, K classes,
L frame-decoder layers that feed VITA, D Object Decoder layers, H W pixels, h w positions of the stride-4 map.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, Self

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor, nn

from vita.blocks.attention import MaskEmbedding
from vita.blocks.frame_detector import FrameDetector, FrameOutput, normalise_and_pad
from vita.blocks.initialisation import initialise_video_module
from vita.blocks.losses.matching import Match
from vita.blocks.losses.point_sampling import Draws, draws_for
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion
from vita.blocks.losses.targets import clip_targets, frame_identities, frame_targets, identities
from vita.blocks.mask_product import mask_product
from vita.core.batch import largest_size, whole_batch
from vita.core.config_base import Frozen
from vita.core.contract import BatchPart, Clip, Losses, LossTerm
from vita.model.object_decoder import ObjectDecoder
from vita.model.object_encoder import ObjectEncoder
from vita.model.pruning import Control, apply_control, kept_query_indices, prune
from vita.model.similarity_loss import count_pairs, matched_groups, similarity_loss

Stage = Literal["joint", "detector", "frozen"]


class VitaVariant(Frozen):
    """One way of inference with the same weights. window: frames, 0 for all; None keeps the trained window."""

    window: NonNegativeInt | None = None
    prune_ratio: float = Field(1.0, gt=0.0, le=1.0)
    control: Control | None = None
    shift: bool = True


@dataclass(frozen=True)
class VideoOutput:
    """What the video-level module makes of object tokens, by decoder layer."""

    queries: Tensor  # (D, B, N, C) normed
    class_logits: Tensor  # (D, B, N, K+1)
    mask_embeddings: Tensor  # (D, B, N, C)


class VitaNetwork(nn.Module):
    """The network and its losses; its parts are given, not chosen, here.

    stage: "joint" trains everything, "detector" only the frame detector (image pre-training), "frozen" only VITA.
    """

    def __init__(
        self,
        *,
        detector: FrameDetector,
        encoder: ObjectEncoder,
        decoder: ObjectDecoder,
        channels: int,
        num_classes: int,
        window: int,
        fed_layers: int,
        stage: Stage,
        similarity_weight: float,
        frame_criterion: SetCriterion,
        video_criterion: SetCriterion,
    ) -> None:
        super().__init__()
        self.detector, self.object_encoder, self.object_decoder = detector, encoder, decoder
        self.mask_projection = nn.Conv2d(channels, channels, 1)  # VITA's own mask features
        self.class_head = nn.Linear(channels, num_classes + 1)
        self.mask_embedding = MaskEmbedding(channels)
        self.frame_similarity = nn.Linear(channels, channels)
        self.video_similarity = nn.Linear(channels, channels)
        self.window, self.fed_layers, self.stage = window, fed_layers, stage
        self.similarity_weight = similarity_weight
        self.frame_criterion, self.video_criterion = frame_criterion, video_criterion
        for name, part in self.named_children():
            if name != "detector":
                initialise_video_module(part)
        self._choose_trained_parameters()

    def _choose_trained_parameters(self) -> None:
        for name, parameter in self.named_parameters():
            in_detector = name.startswith("detector.")
            parameter.requires_grad_(self.stage == "joint" or in_detector == (self.stage == "detector"))

    def train(self, mode: bool = True) -> Self:
        """As in torch, but a frozen detector stays in evaluation mode."""
        super().train(mode)
        if self.stage == "frozen":
            self.detector.eval()
        return self

    def backbone_parameters(self) -> list[nn.Parameter]:
        """The backbone's, which learn at a rate of their own."""
        return list(self.detector.backbone.parameters())

    def state_to_keep(self) -> dict[str, Tensor]:
        """All weights; after image pre-training of the detector, the detector's alone."""
        kept = self.state_dict()
        return {k: v for k, v in kept.items() if k.startswith("detector.")} if self.stage == "detector" else kept

    def forward(self, clips: Sequence[Clip], part: BatchPart | None = None) -> Losses:
        """The objective on clips with the same number of frames, as `vita.core.contract.VideoMethod` says."""
        return self.losses(clips, draws_for(part, clips[0].frames.device), part)

    def losses(self, clips: Sequence[Clip], draws: Draws, part: BatchPart | None = None) -> Losses:
        """`forward` with explicit random points."""
        part = part or whole_batch(clips)
        # See every frame on its own.
        images = normalise_and_pad([clip.frames for clip in clips], at_least=largest_size(part))
        with torch.no_grad() if self.stage == "frozen" else nullcontext():
            frames = self.detector(images)
        # Match the detector's predictions in each frame, and sum up their losses; VITA needs the matches too.
        size, ids = (images.shape[2], images.shape[3]), identities(clips)
        targets = frame_targets(clips, ids, size)
        whole = ObjectCounts([count for clip in part.whole for count in clip.visible])
        frame_loss, frame_matches = self.frame_criterion(
            frames.class_logits, frames.mask_logits[:, :, :, None], targets, whole, draws
        )
        terms = [] if self.stage == "frozen" else frame_loss.terms("frame")
        # Associate the frames' objects over the clip.
        if self.stage != "detector":
            terms += self._video_terms(clips, ids, part, frames, frame_matches[-self.fed_layers :], size, draws)
        return Losses(terms)

    def _video_terms(
        self,
        clips: Sequence[Clip],
        ids: Sequence[Tensor],
        part: BatchPart,
        frames: FrameOutput,
        frame_matches: list[list[Match]],
        size: tuple[int, int],
        draws: Draws,
    ) -> list[LossTerm]:
        """Clip-level set loss and similarity loss; every (fed layer, clip) is a video of its own, layer-major."""
        # From frame queries to object tokens, and from those to video queries.
        queries = frames.queries[-self.fed_layers :].unflatten(1, (len(clips), -1))  # (L, B, T, Q, C)
        tokens = self.object_encoder(queries.flatten(0, 1), self.window, shift=False)
        video = self.decode(tokens)
        # Each video query's kernel, multiplied with the mask features of all frames, gives its masks.
        features = self.mask_projection(frames.pixel_map).unflatten(0, (len(clips), -1))  # (B, T, C, h, w)
        kernels = video.mask_embeddings.unflatten(1, (-1, len(clips))).permute(2, 0, 1, 3, 4)  # (B, D, L, N, C)
        masks = mask_product(kernels.flatten(1, 3), features.transpose(1, 2).flatten(2))
        masks = masks.view(*kernels.shape[:4], -1, *features.shape[3:]).permute(1, 2, 0, 3, 4, 5, 6).flatten(1, 2)
        # Match them with the clip's objects; every fed layer is taught the same.
        targets = clip_targets(clips, size) * len(queries)
        whole = ObjectCounts([clip.objects for clip in part.whole] * len(queries))
        loss, matches = self.video_criterion(video.class_logits, masks, targets, whole, draws)
        # Compare embeddings of what was matched, in frames and in the clip.
        groups = matched_groups(
            self.frame_similarity(tokens),
            frame_matches,
            self.video_similarity(video.queries[-1]),
            matches[-1],
            frame_identities(ids),
            ids,
        )
        pairs = count_pairs(part.whole, tokens.shape[2], video.queries.shape[2], len(queries))
        similarity = LossTerm("similarity", similarity_loss(groups, pairs), self.similarity_weight)
        return [*loss.terms("video"), similarity]

    def decode(self, tokens: Tensor, query_indices: Tensor | None = None) -> VideoOutput:
        """Object tokens (B, T, Q, C) -> classes and mask kernels of the video queries after every decoder layer."""
        return self.predictions(self.object_decoder(tokens, query_indices))

    def predictions(self, queries: Tensor) -> VideoOutput:
        """Classes and mask kernels of normed video queries (D, B, N, C)."""
        return VideoOutput(queries, self.class_head(queries), self.mask_embedding(queries))

    def associate(self, frame_queries: Tensor, no_object: Tensor, variant: VitaVariant) -> VideoOutput:
        """The video-level module at inference on one video: frame_queries (T, Q, C), no_object (T, Q)."""
        queries, query_indices = choose_queries(frame_queries, no_object, variant)
        # Let tokens of neighbouring frames communicate, then gather objects from all of them.
        tokens = self.object_encoder(queries[None], self.window_of(variant), shift=variant.shift)
        return self.decode(tokens, query_indices[None])

    def window_of(self, variant: VitaVariant) -> int:
        """Frames of a window of the Object Encoder under a variant, 0 for all."""
        return self.window if variant.window is None else variant.window


def choose_queries(frame_queries: Tensor, no_object: Tensor, variant: VitaVariant) -> tuple[Tensor, Tensor]:
    """The frame queries that become object tokens under a variant (T, q, C), and their numbers (T, q).

    frame_queries: (T, Q, C); no_object: (T, Q) probabilities.
    """
    queries = apply_control(frame_queries, no_object, variant.control)
    query_indices = kept_query_indices(no_object, variant.prune_ratio)
    return prune(queries, query_indices), query_indices
