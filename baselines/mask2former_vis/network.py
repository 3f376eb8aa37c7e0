"""Mask2Former-VIS: a mask transformer whose queries see a whole clip, in training, or a whole video, at inference.

Legend: B clips, T frames, F = B * T images, N queries, K classes, D predictions (one of the bare queries, one a layer),
H W pixels, h w positions of the stride-4 map.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from vita.blocks.attention_kernel import attention_path
from vita.blocks.frame_detector import normalise_and_pad, read_in_chunks
from vita.blocks.losses.matching import Target
from vita.blocks.losses.point_sampling import Draws, draws_for
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion
from vita.blocks.losses.targets import clip_targets
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, frames_per_chunk, top_pairs, tracks_of
from vita.blocks.pixel_decoder import PixelLevel, PixelMaps
from vita.core.batch import largest_size, whole_batch
from vita.core.contract import KEEP_BYTES, AttentionPath, BatchPart, Clip, FrameSource, Losses, VideoPrediction
from vita_baselines.mask2former_vis.decoder import MaskedVideoDecoder, Prediction

Labels = Literal["last_frame", "instance"]


class Mask2FormerVis(nn.Module):
    """The whole method; its parts are given, not chosen, here.

    labels: "last_frame" teaches the query of an object that is not annotated in the clip's last frame "no object",
    though its masks are taught all the same: so does the released code, which reads classes there. Where the object is
    annotated but nothing is left of its mask, the class stays, as there. "instance" teaches the class of every object.
    """

    def __init__(
        self, *, pixel_level: PixelLevel, decoder: MaskedVideoDecoder, criterion: SetCriterion, labels: Labels
    ) -> None:
        super().__init__()
        self.pixel_level, self.decoder = pixel_level, decoder
        self.criterion, self.labels = criterion, labels

    def backbone_parameters(self) -> list[nn.Parameter]:
        """The backbone's, which learn at a rate of their own."""
        return list(self.pixel_level.backbone.parameters())

    @property
    def image_detector(self) -> nn.Module:
        """The method itself: the same weights make a detector for images, whose videos have one frame."""
        return self

    def state_to_keep(self) -> dict[str, Tensor]:
        """All weights, whatever was trained on."""
        return self.state_dict()

    def forward(self, clips: Sequence[Clip], part: BatchPart | None = None) -> Losses:
        """The objective on clips with the same number of frames, as `vita.core.contract.VideoMethod` says."""
        return self.losses(clips, draws_for(part, clips[0].frames.device), part)

    def losses(self, clips: Sequence[Clip], draws: Draws, part: BatchPart | None = None) -> Losses:
        """`forward` with explicit random points."""
        part = part or whole_batch(clips)
        # See every frame on its own, then decode each clip as a whole.
        images = normalise_and_pad([clip.frames for clip in clips], at_least=largest_size(part))
        predictions = list(self.decoder(self.pixel_level(images), len(clips)))
        # Match every layer's predictions with the clips' objects.
        targets = self.targets(clips, (images.shape[2], images.shape[3]))
        loss, _ = self.criterion(
            torch.stack([prediction.class_logits for prediction in predictions]),  # (D, B, N, K+1)
            torch.stack([prediction.mask_logits for prediction in predictions]),  # (D, B, N, T, h, w)
            targets,
            self.counts(part),
            draws,
        )
        return Losses(loss.terms("video"))

    def counts(self, part: BatchPart) -> ObjectCounts:
        """Objects of the whole batch, and how many of them are taught a class; see `labels`."""
        taught = [clip.annotated_at_end for clip in part.whole] if self.labels == "last_frame" else None
        return ObjectCounts([clip.objects for clip in part.whole], taught)

    def targets(self, clips: Sequence[Clip], size: tuple[int, int]) -> list[Target]:
        """Make one target of each clip at `size` (height, width)."""
        targets = clip_targets(clips, size)
        if self.labels == "instance":
            return targets
        no_object = self.decoder.class_head.out_features - 1
        absent = [~clip.annotated[:, -1] for clip in clips]
        return [replace(t, labels=t.labels.masked_fill(a, no_object)) for t, a in zip(targets, absent, strict=True)]

    def encode_frames(self, images: Tensor) -> tuple[Tensor, ...]:
        """The maps of all levels and the mask features; see `vita.core.contract.ProbedMethod`."""
        maps = self.pixel_level(images)
        return *maps.levels, maps.mask_features

    def decode_video(self, kept: Sequence[tuple[Tensor, ...]], variant: object, attention: AttentionPath) -> None:
        """The decoder on all frames as one clip."""
        maps = together([PixelMaps(tuple(levels), features) for *levels, features in kept])
        with attention_path(attention):
            deque(self.decoder(maps, 1), maxlen=0)

    @torch.no_grad()
    def encode_video(self, frames: FrameSource, top_k: int, keep_bytes: int = KEEP_BYTES) -> MapsSeen:
        """The pixel level's maps of a whole video, made in chunks of frames; all are kept: the decoder needs them."""
        chunks = read_in_chunks(frames, self.decoder.norm.weight.device)
        maps, geometries = zip(*((self.pixel_level(images), geometry) for images, geometry in chunks), strict=True)
        return MapsSeen(self.decoder, top_k, geometries[0], together(maps))

    @torch.no_grad()
    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        """The network's part of `predict`: masks of all queries, of which `top_k` are kept, steer the attention."""
        deque(self.decoder(self.pixel_level(normalise_and_pad([frames])), 1), maxlen=0)

    def predict(self, frames: FrameSource, variants: Mapping[str, object], top_k: int) -> VideoPrediction:
        """See `MapsSeen`."""
        return self.encode_video(frames, top_k).predict(0, len(frames), variants)


@dataclass(frozen=True)
class MapsSeen:
    """The maps of a video's T frames: enough to predict any part of it (`vita.core.contract.EncodedVideo`)."""

    decoder: MaskedVideoDecoder
    top_k: int
    geometry: FrameGeometry
    maps: PixelMaps
    streamed: ClassVar[bool] = False

    @torch.no_grad()
    def last(self, start: int, stop: int) -> Prediction:
        """The last prediction for the frames [start, stop), as one clip.

        The decoder takes them all at once: its queries attend to all frames, so that memory grows with their number.
        """
        levels = tuple(level[start:stop] for level in self.maps.levels)
        part = PixelMaps(levels, self.maps.mask_features[start:stop])
        (last,) = deque(self.decoder(part, 1), maxlen=1)  # the others only steer attention
        return last

    @torch.no_grad()
    def predict(self, start: int, stop: int, variants: Mapping[str, object]) -> VideoPrediction:
        """The k best (query, class) pairs; a score is the probability of the class, whatever the mask is worth.

        There is one way of inference, so that all variants are the same. Nothing is detected in single frames: no
        query ever looks at one frame alone.
        """
        # Choose the best pairs of query and class; each of their queries is decoded once.
        prediction = self.last(start, stop)
        scores, labels, queries = top_pairs(prediction.class_logits[0], self.top_k)
        kept, rows = queries.unique(return_inverse=True)
        masks = MaskTracks(self.geometry, len(kept))
        # Encode their masks a few frames at a time.
        for logits in prediction.mask_logits[0, kept].split(frames_per_chunk(self.geometry), 1):
            masks.add(logits)
        return VideoPrediction(dict.fromkeys(variants, tracks_of(labels, scores, masks, rows)))


def together(parts: Sequence[PixelMaps]) -> PixelMaps:
    """Maps of consecutive frames as one."""
    levels = tuple(torch.cat(level) for level in zip(*(part.levels for part in parts), strict=True))
    return PixelMaps(levels, torch.cat([part.mask_features for part in parts]))
