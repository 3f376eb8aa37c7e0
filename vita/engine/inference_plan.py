"""Ways of inference that work around any method, found through the entry-point group `vita.inference_wrappers`.

An inference variant asks for one by the option `through`; its other options are the wrapper's own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vita.core.contract import (
    KEEP_BYTES,
    EncodedVideo,
    EncodingMethod,
    FrameSource,
    InferenceWrapper,
    MethodDefinition,
    VideoMethod,
    VideoPrediction,
)
from vita.core.plugins import find_inference_wrapper
from vita.data.frames import FrameSlice

THROUGH = "through"


@dataclass(frozen=True)
class InferencePlan:
    """Variants of a method, by name: its own, and those that go through a wrapper, by its name."""

    direct: dict[str, Any]
    through: dict[str, dict[str, Any]]
    wrappers: dict[str, InferenceWrapper] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of all variants."""
        return [*self.direct, *(name for variants in self.through.values() for name in variants)]

    def predict(
        self, method: VideoMethod, frames: FrameSource, top_k: int, keep_bytes: int = KEEP_BYTES
    ) -> VideoPrediction:
        """Tracks of one video under every variant; `keep_bytes` as in `vita.core.contract.EncodingMethod`."""
        video = encode(method, frames, top_k, keep_bytes)
        whole = video.predict(0, len(frames), self.direct) if self.direct else VideoPrediction({})
        tracks = dict(whole.tracks)
        for name, variants in self.through.items():
            tracks |= self.wrappers[name].predict(video, frames, variants, top_k)
        return VideoPrediction(tracks, whole.frame_detections, video.streamed)


@dataclass(frozen=True)
class VideoInParts:
    """An `EncodedVideo` of a method that keeps nothing: it sees the frames of every part anew."""

    method: VideoMethod
    frames: FrameSource
    top_k: int
    streamed: ClassVar[bool] = False

    def predict(self, start: int, stop: int, variants: Mapping[str, Any]) -> VideoPrediction:
        """See `EncodedVideo`."""
        return self.method.predict(FrameSlice(self.frames, start, stop), variants, self.top_k)


def encode(method: VideoMethod, frames: FrameSource, top_k: int, keep_bytes: int) -> EncodedVideo:
    """The video as the method predicts its parts, from one pass over the frames if the method can."""
    if isinstance(method, EncodingMethod):
        return method.encode_video(frames, top_k, keep_bytes)
    return VideoInParts(method, frames, top_k)


def read_plan(definition: MethodDefinition, variants: Mapping[str, Mapping[str, Any]]) -> InferencePlan:
    """Options of variants, by name. Raises UserError naming an unknown option or wrapper."""
    direct: dict[str, Any] = {}
    through: dict[str, dict[str, Any]] = defaultdict(dict)
    wrappers: dict[str, InferenceWrapper] = {}
    for name, options in variants.items():
        own = {key: value for key, value in options.items() if key != THROUGH}
        if THROUGH in options:
            wrapper = str(options[THROUGH])
            wrappers[wrapper] = find_inference_wrapper(wrapper)
            through[wrapper][name] = wrappers[wrapper].read_variant(own, definition)
        else:
            direct[name] = definition.read_variant(own)
    return InferencePlan(direct, dict(through), wrappers)
