"""IFC: a DETR for short clips whose frames communicate through memory tokens; longer videos are merged from clips.

Legend: B clips, T frames, F = B * T images, Q queries, C channels, K classes, D decoder layers, H W pixels,
h w positions of the mask features, n instances of a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vita.blocks.backbone import Backbone
from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.initialisation import initialise_head
from vita.blocks.losses.set_criterion import ObjectCounts
from vita.blocks.losses.targets import clip_targets
from vita.core.batch import largest_size, whole_batch
from vita.core.contract import BatchPart, Clip, Losses
from vita_baselines.ifc.clip_merging import ClipInstances
from vita_baselines.ifc.decoder import ClipDecoder
from vita_baselines.ifc.encoder import ClipTokens, InterFrameEncoder
from vita_baselines.ifc.losses import DenseCriterion
from vita_baselines.ifc.mask_head import MaskHead
from vita_baselines.ifc.position import padding_of


@dataclass(frozen=True)
class FrameMaps:
    """All that IFC keeps of F images: the backbone's maps, brought to C channels."""

    coarse: Tensor  # (F, C, ., .) what the encoder reads
    finer: tuple[Tensor, Tensor]  # (F, C, ., .) at half its stride, and (F, C, h, w) at a quarter

    def __len__(self) -> int:
        return len(self.coarse)

    def __getitem__(self, frames: slice) -> FrameMaps:
        return FrameMaps(self.coarse[frames], (self.finer[0][frames], self.finer[1][frames]))

    def joined(self, others: Sequence[FrameMaps]) -> FrameMaps:
        """These frames, then those of the others."""
        parts = [self, *others]
        middle, fine = (torch.cat([maps.finer[level] for maps in parts]) for level in range(2))
        return FrameMaps(torch.cat([maps.coarse for maps in parts]), (middle, fine))


@dataclass(frozen=True)
class ClipOutput:
    """What the queries say of B clips after each of D decoder layers."""

    class_logits: Tensor  # (D, B, Q, K+1), the last class is "no object"
    mask_logits: Tensor  # (D, B, Q, T, h, w)


class IfcNetwork(nn.Module):
    """The network and its losses; its parts are given, not chosen, here.

    stride: pixels a position of the coarsest backbone map, which the encoder reads; masks come at a quarter of it.
    frozen_stages: of the backbone, from the input: the stem is the first.
    """

    def __init__(
        self,
        *,
        backbone: Backbone,
        backbone_channels: Sequence[int],
        encoder: InterFrameEncoder,
        decoder: ClipDecoder,
        mask_head: MaskHead,
        channels: int,
        num_classes: int,
        stride: int,
        frozen_stages: int,
        criterion: DenseCriterion,
    ) -> None:
        super().__init__()
        self.backbone, self.encoder, self.decoder, self.mask_head = backbone, encoder, decoder, mask_head
        self.projection = nn.Conv2d(backbone_channels[-1], channels, 1)
        self.class_hidden = nn.Linear(channels, channels)
        self.class_head = nn.Linear(channels, num_classes + 1)
        for head in (self.class_hidden, self.class_head):
            initialise_head(head)
        self.stride, self.criterion = stride, criterion
        backbone.freeze(frozen_stages)

    @property
    def device(self) -> torch.device:
        """The device on which the weights are."""
        return self.class_head.weight.device

    def backbone_parameters(self) -> list[nn.Parameter]:
        """The backbone's, which learn at a rate of their own."""
        return list(self.backbone.parameters())

    def state_to_keep(self) -> dict[str, Tensor]:
        """All weights, whatever was trained on."""
        return self.state_dict()

    def forward(self, clips: Sequence[Clip], part: BatchPart | None = None) -> Losses:
        """The objective on clips with the same number of frames, as `vita.core.contract.VideoMethod` says."""
        part = part or whole_batch(clips)
        # See every frame on its own, then decode each clip as a whole.
        images = normalise_and_pad([clip.frames for clip in clips], divisor=1, at_least=largest_size(part))
        output = self.decode(self.see(images), len(clips), padded_sizes(clips, images))
        # Match the predictions of every decoder layer with the clips' objects.
        targets = clip_targets(clips, (images.shape[2], images.shape[3]))
        whole = ObjectCounts([clip.objects for clip in part.whole])
        loss, _ = self.criterion(output.class_logits, output.mask_logits, targets, whole)
        return Losses(loss.terms("clip"))

    def see(self, images: Tensor) -> FrameMaps:
        """images: (F, 3, H, W) normalised and padded; every image on its own."""
        *_, fine, middle, coarse = self.backbone(images)
        middle, fine = self.mask_head.adapt([middle, fine])
        return FrameMaps(self.projection(coarse), (middle, fine))

    def decode(self, maps: FrameMaps, clips: int, sizes: list[tuple[int, int]] | None) -> ClipOutput:
        """Maps of F images, clip by clip; sizes: of the images in pixels, None where nothing is padded."""
        tokens = self.encode(maps, clips, sizes)
        return self.heads(self.decoder(tokens), self.features(tokens, maps))

    def decode_last(self, maps: FrameMaps, clips: int) -> ClipOutput:
        """As `decode`, where nothing is padded, after the last decoder layer alone: D is 1."""
        tokens = self.encode(maps, clips, None)
        return self.heads(self.decoder(tokens)[-1:], self.features(tokens, maps))

    def encode(self, maps: FrameMaps, clips: int, sizes: list[tuple[int, int]] | None) -> ClipTokens:
        """Encode maps of F images, clip by clip; arguments as of `decode`."""
        # Positions that no image reaches must not be attended to.
        padding = None
        if sizes is not None:
            shape = maps.coarse.shape[2], maps.coarse.shape[3]
            padding = padding_of(sizes, shape, self.stride, maps.coarse.device).unflatten(0, (clips, -1))
        # Let frames communicate through their memory tokens.
        tokens: ClipTokens = self.encoder(maps.coarse.unflatten(0, (clips, -1)), padding)
        return tokens

    def features(self, tokens: ClipTokens, maps: FrameMaps) -> Tensor:
        """Mask features (B, T, C, h, w)."""
        encoded = tokens.maps(maps.coarse.shape[2], maps.coarse.shape[3])
        return self.mask_head.features(encoded, list(maps.finer)).unflatten(0, (len(tokens.values), -1))

    def heads(self, queries: Tensor, features: Tensor) -> ClipOutput:
        """Classes and masks of queries (D, B, Q, C), for mask features (B, T, C, h, w)."""
        classes = self.class_head(self.class_hidden(queries).relu())
        return ClipOutput(classes, self.mask_head(queries, features))

    def candidates(self, maps: FrameMaps, start: int) -> ClipInstances:
        """What the last layer says of one clip, of all queries."""
        output = self.decode_last(maps, 1)
        return ClipInstances(start, output.class_logits[0, 0].float().softmax(1), output.mask_logits[0, 0].float())


def padded_sizes(clips: Sequence[Clip], images: Tensor) -> list[tuple[int, int]] | None:
    """Height and width in pixels of every image; None where all fill the batch, so that nothing is padding."""
    sizes = [(clip.frames.shape[2], clip.frames.shape[3]) for clip in clips for _ in clip.frames]
    return sizes if any(size != tuple(images.shape[2:]) for size in sizes) else None
