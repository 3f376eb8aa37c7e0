"""MinVIS: a frame detector that learns single frames, and an online tracker of its queries, which learns nothing.

Legend: B clips, T frames, F = B * T images, or those of a chunk, Q queries, K classes, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from vita.blocks.frame_detections import FrameDetections
from vita.blocks.frame_detector import FrameDetector, FrameOutput, normalise_and_pad, read_in_chunks
from vita.blocks.losses.point_sampling import Draws, draws_for
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion
from vita.blocks.losses.targets import frame_targets, identities
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, frames_per_chunk, top_pairs, tracks_of
from vita.core.batch import largest_size, whole_batch
from vita.core.contract import BatchPart, Clip, FrameDetection, FrameSource, Losses, Track, VideoPrediction
from vita_baselines.minvis.tracking import QueryTracker


class MinVis(nn.Module):
    """The frame detector, under the name that it has inside VITA, so that the weights of either start the other."""

    def __init__(self, detector: FrameDetector, criterion: SetCriterion) -> None:
        super().__init__()
        self.detector, self.criterion = detector, criterion

    @property
    def image_detector(self) -> nn.Module:
        """The frame detector; what is added to it has no weights."""
        return self.detector

    def backbone_parameters(self) -> list[nn.Parameter]:
        """The backbone's, which learn at a rate of their own."""
        return list(self.detector.backbone.parameters())

    def state_to_keep(self) -> dict[str, Tensor]:
        """All weights, whatever was trained on."""
        return self.state_dict()

    def forward(self, clips: Sequence[Clip], part: BatchPart | None = None) -> Losses:
        """The objective on clips, as `vita.core.contract.VideoMethod` says: every frame is an image of its own."""
        return self.losses(clips, draws_for(part, clips[0].frames.device), part)

    def losses(self, clips: Sequence[Clip], draws: Draws, part: BatchPart | None = None) -> Losses:
        """`forward` with explicit random points."""
        part = part or whole_batch(clips)
        # See every frame on its own.
        images = normalise_and_pad([clip.frames for clip in clips], at_least=largest_size(part))
        seen = self.detector(images)
        # Match the predictions of every layer with the objects that are visible in the frame.
        targets = frame_targets(clips, identities(clips), (images.shape[2], images.shape[3]))
        whole = ObjectCounts([count for clip in part.whole for count in clip.visible])
        loss, _ = self.criterion(seen.class_logits, seen.mask_logits[:, :, :, None], targets, whole, draws)
        return Losses(loss.terms("frame"))

    @torch.no_grad()
    def predict(self, frames: FrameSource, variants: Mapping[str, object], top_k: int) -> VideoPrediction:
        """Tracks of a video of any length from one pass over it; there is one way of inference."""
        seen = FollowedVideo(top_k)
        for images, geometry in read_in_chunks(frames, self.detector.class_head.weight.device):
            seen.add(self.detector(images), geometry)
        return VideoPrediction(dict.fromkeys(variants, seen.tracks()), seen.detections)

    @torch.no_grad()
    def forward_for_flops(self, frames: Tensor, top_k: int) -> None:
        """The network's part of `predict`; see `vita.core.contract.CountedMethod`."""
        self.detector(normalise_and_pad([frames]))


@dataclass
class FollowedVideo:
    """The tracks of a video so far. Of a frame that was seen, run-length codes are kept and nothing else."""

    top_k: int
    detections: list[FrameDetection] = field(default_factory=list)  # of the detector, frame by frame
    _tracker: QueryTracker = field(default_factory=QueryTracker)
    _class_logits: list[Tensor] = field(default_factory=list)  # (Q, K+1) of the tracks, a sum over each chunk
    _masks: MaskTracks | None = None  # of all Q tracks: which are kept is known at the end
    _frames: int = 0

    def add(self, seen: FrameOutput, geometry: FrameGeometry) -> None:
        """The next frames, as the detector sees them."""
        found = FrameDetections(seen, geometry, self._frames, self.top_k)
        queries, classes, logits = seen.queries[-1], seen.class_logits[-1], seen.mask_logits[-1]
        # Put the queries of every frame into the order of the tracks.
        order = self._tracker.follow(queries)  # (F, Q)
        frame = torch.arange(len(order), device=order.device)[:, None]
        self._class_logits.append(classes[frame, order].sum(0))
        # Code their masks a few frames at a time.
        self._masks = self._masks or MaskTracks(geometry, order.shape[1])
        for some in logits[frame, order].transpose(0, 1).split(frames_per_chunk(geometry), 1):
            self._masks.add(some)
        self.detections += found.finish()
        self._frames += len(order)

    def tracks(self) -> list[Track]:
        """The k best (track, class) pairs; a score is the probability of the class by the mean logits of all frames."""
        assert self._masks is not None
        mean = torch.stack(self._class_logits).sum(0) / self._frames
        scores, labels, rows = top_pairs(mean, self.top_k)
        return tracks_of(labels, scores, self._masks, rows)
