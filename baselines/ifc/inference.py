"""IFC on a whole video: the backbone sees every frame once, overlapping clips are decoded and merged as they come.

At no time are there maps of more frames than a clip and a chunk have, or masks that are not yet run-length codes of
more frames than a clip has.

Legend: T frames, N instances of the video, K classes, m instances of one frame, k tracks, h w positions of a mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from vita.blocks.frame_detector import normalise_and_pad
from vita.blocks.host_transfer import HostCopy, on_host
from vita.blocks.mask_coding import CodingThread
from vita.blocks.mask_decoding import FrameGeometry, code_frames, columns_of, encode
from vita.core.config_base import Frozen
from vita.core.contract import FrameSource, Rle, Track, VideoPrediction
from vita_baselines.ifc.clip_merging import Association, ClipInstances, ClipMerger
from vita_baselines.ifc.network import FrameMaps, IfcNetwork

CHUNK_FRAMES = 18  # that go through the backbone at once


class IfcVariant(Frozen):
    """One way of inference with the same weights.

    multi_class: every class of an instance above `class_threshold` is a track of its own; else only the best class is,
    whatever its probability. max_tracks: at most as many, the best; None for no limit, as in the release.
    """

    clip_frames: PositiveInt = 5
    stride: PositiveInt = 1
    match_threshold: float = Field(0.05, ge=0.0, lt=1.0)
    multi_class: bool = True
    class_threshold: float = Field(0.01, ge=0.0, lt=1.0)
    max_tracks: PositiveInt | None = None


class MapsInView:
    """Maps of consecutive frames, of which the oldest can be let go."""

    def __init__(self) -> None:
        self._first = 0
        self._maps: list[FrameMaps] = []

    @property
    def stop(self) -> int:
        """The first frame that has not been seen."""
        return self._first + sum(len(maps) for maps in self._maps)

    def extend(self, maps: FrameMaps) -> None:
        """The next frames."""
        self._maps.append(maps)

    def frames(self, start: int, stop: int) -> FrameMaps:
        """Maps of the frames [start, stop), copied."""
        parts, first = [], self._first
        for maps in self._maps:
            parts.append(maps[max(start - first, 0) : max(stop - first, 0)])
            first += len(maps)
        return parts[0].joined(parts[1:])

    def forget_before(self, start: int) -> None:
        """Nobody will ask for earlier frames again."""
        self._first, self._maps = start, [self.frames(start, self.stop)]


def clip_starts(frames: int, clip_frames: int, stride: int) -> list[int]:
    """First frames of all clips of a video; the last clip is aligned to the end."""
    last = max(frames - clip_frames, 0)
    return [*range(0, last, stride), last]


class VideoTracker:
    """One inference variant on its way through a video."""

    def __init__(self, model: IfcNetwork, variant: IfcVariant, frames: FrameSource) -> None:
        self.model, self.variant = model, variant
        self._span = min(variant.clip_frames, len(frames))
        self._starts = clip_starts(len(frames), variant.clip_frames, variant.stride)
        self._out, self._length = (frames.out_height, frames.out_width), len(frames)
        self._merger = ClipMerger(self._span, variant.match_threshold)
        self._empty = encode(torch.zeros(1, 1, *self._out, dtype=torch.bool))[0][0]
        self._decoded: ClipInstances | None = None  # the last clip, which is not joined yet
        self._done = 0  # frames whose masks are final
        self._segmentations: list[list[Rle]] = []  # [N][T]
        self._coding = CodingThread()

    @property
    def needed_from(self) -> int:
        """The first frame that a later clip looks at; the number of frames when there is none."""
        return self._starts[0] if self._starts else self._length

    def follow(self, view: MapsInView) -> None:
        """Decode all clips whose frames have been seen, and join them, each as soon as the next one is decoded."""
        while self._starts and self._starts[0] + self._span <= view.stop:
            start = self._starts.pop(0)
            self._go_on(self.model.candidates(view.frames(start, start + self._span), start))
            if not self._starts:
                self._go_on(None)

    def _go_on(self, following: ClipInstances | None) -> None:
        """Join the clip before the one that was just decoded, if there is one: the host waits for both at once."""
        before = self._decoded
        asked = [self._merger.similarity(before)] if before is not None else []
        asked += [following.probabilities] if following is not None else []
        answers = on_host(asked)
        if before is not None:
            # Join what the clip holds to the video. No later clip looks at the frames before the next one.
            self.join(before, answers[0])
            final = self._length if following is None else following.start
            for number in range(self._done, final):
                self.finish(number, *self._merger.frame(number))
            self._done = final
        self._decoded = None if following is None else following.found(answers[-1])

    def join(self, clip: ClipInstances, similarity: Tensor) -> Association:
        """Add the instances of the next clip; similarity: (N, n), in host memory."""
        association = self._merger.add(clip, similarity)
        new = len(self._merger.probabilities) - len(self._segmentations)
        self._segmentations += [[self._empty] * self._length for _ in range(new)]
        return association

    def finish(self, number: int, instances: Tensor, logits: Tensor) -> None:
        """Final masks of one frame: logits (m, h, w) of its m instances. Others, not found there, stay empty."""
        arriving = HostCopy(columns_of(logits))
        self._coding.submit(partial(self._code, number, instances.tolist(), arriving))

    def _code(self, number: int, instances: list[int], arriving: HostCopy) -> None:
        """In one bilinear step to the size of the stored frames: at inference there is no padding."""
        codes, _ = code_frames(arriving.get(), FrameGeometry(self._out, self._out, self._out))
        for instance, code in zip(instances, codes, strict=True):
            self._segmentations[instance][number] = code

    @property
    def segmentations(self) -> list[list[Rle]]:
        """Masks of all instances in all frames, [N][T]."""
        self._coding.wait()
        return self._segmentations

    @property
    def probabilities(self) -> Tensor:
        """Mean class probabilities of all instances so far, (N, K+1)."""
        return self._merger.probabilities

    def tracks(self) -> list[Track]:
        """All tracks, best first; tracks of one instance share their masks."""
        chosen = zip(*(x.tolist() for x in chosen_pairs(self.probabilities, self.variant)), strict=True)
        tracks = [Track(label, score, self.segmentations[instance]) for score, label, instance in chosen]
        return sorted(tracks, key=lambda track: -track.score)[: self.variant.max_tracks]


def chosen_pairs(probabilities: Tensor, variant: IfcVariant) -> tuple[Tensor, Tensor, Tensor]:
    """(N, K+1) -> scores, labels and numbers of instances, (k,) each, instance by instance."""
    classes = probabilities[:, :-1]
    if not variant.multi_class:
        scores, labels = classes.max(1)
        return scores, labels, torch.arange(len(classes), device=classes.device)
    instances, labels = torch.where(classes > variant.class_threshold)
    return classes[instances, labels], labels, instances


def predict_video(model: IfcNetwork, frames: FrameSource, variants: Mapping[str, IfcVariant]) -> VideoPrediction:
    """Tracks under every variant. No detector looks at single frames, so that there are no frame detections."""
    trackers = {name: VideoTracker(model, variant, frames) for name, variant in variants.items()}
    view = MapsInView()
    for start in range(0, len(frames), CHUNK_FRAMES):
        # See the next frames, let every variant go as far as they allow, and let go of maps that none needs.
        chunk = frames.read(start, min(start + CHUNK_FRAMES, len(frames))).to(model.device)
        view.extend(model.see(normalise_and_pad([chunk], divisor=1)))
        for tracker in trackers.values():
            tracker.follow(view)
        view.forget_before(min(tracker.needed_from for tracker in trackers.values()))
    return VideoPrediction({name: tracker.tracks() for name, tracker in trackers.items()})
