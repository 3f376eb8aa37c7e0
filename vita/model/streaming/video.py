"""VITA on a video of any length: what is kept of a frame is its frame queries, on disk; masks need a second look.

The mask features of a frame are a hundred times larger than its object tokens. They are not kept, unless they are asked
to be, on disk: while masks are decoded, the detector's pixel level makes them again. Results are those of
`vita.model.inference`.

Legend: T frames of the video, Q frame queries, C channels, K classes, h w stride-4 positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

import torch
from torch import Tensor

from vita.blocks.frame_detector import CHUNK_FRAMES, normalise_and_pad, read_in_chunks
from vita.blocks.mask_decoding import FrameGeometry
from vita.core.contract import FrameDetection, FrameSource, VideoPrediction
from vita.core.progress import SHORT_S, progress
from vita.data.frames import FrameSlice
from vita.model.inference import choose, detect_in_frames, keep_queries
from vita.model.network import VitaNetwork, VitaVariant
from vita.model.streaming.association import FrameQueries, associate_in_chunks
from vita.model.streaming.disk_list import SpooledList
from vita.model.streaming.frame_store import DiskStore
from vita.model.streaming.mask_pass import mask_features, stored_features, sweep_masks

STRIDE = 4  # pixels a position of the mask features
KEPT_FRAMES = 36  # a video that is no longer is always kept in memory


def is_too_long(frames: FrameSource, channels: int, keep_bytes: int) -> bool:
    """Whether the mask features of a video's frames take more than may be kept; channels: C."""
    if len(frames) <= KEPT_FRAMES:
        return False
    return feature_bytes(frames, channels) > keep_bytes


def feature_bytes(frames: FrameSource, channels: int) -> int:
    """What the mask features of all frames of a video take; channels: C."""
    height, width = geometry_of(frames).padded
    return 4 * channels * len(frames) * (height // STRIDE) * (width // STRIDE)


def geometry_of(frames: FrameSource) -> FrameGeometry:
    """Sizes of a video's frames, from its first one."""
    first = frames.read(0, 1)
    padded = normalise_and_pad([first]).shape
    out = frames.out_height, frames.out_width
    return FrameGeometry((padded[2], padded[3]), (first.shape[2], first.shape[3]), out)


@dataclass(frozen=True)
class StreamedVideo:
    """All that is kept of a video's frames, in files (`vita.core.contract.WatchedVideo`)."""

    model: VitaNetwork
    frames: FrameSource
    top_k: int
    folder: Path
    geometry: FrameGeometry
    queries: DiskStore  # (T, Q, C)
    no_object: DiskStore  # (T, Q)
    detections: SpooledList[FrameDetection]
    features: DiskStore | None = None  # (T, C, h, w)
    temporary: TemporaryDirectory[str] | None = None  # is removed with this video; open files stay readable
    streamed: ClassVar[bool] = True
    _numbers: Iterator[int] = field(default_factory=count)

    @torch.no_grad()
    def predict(self, start: int, stop: int, variants: Mapping[str, VitaVariant]) -> VideoPrediction:
        """The frames [start, stop) as a video of their own; equal variants are one."""
        part = FrameQueries(self.queries, self.no_object, start, stop)
        distinct = dict.fromkeys(variants.values())
        outputs = {v: associate_in_chunks(self.model, part, v, self.folder) for v in distinct}
        kept = keep_queries({variant: choose(output, self.top_k) for variant, output in outputs.items()})
        folder = self.folder / f"masks{next(self._numbers)}"
        features = partial(self._features, start, stop)
        tracks = kept.tracks(sweep_masks(features, stop - start, self.geometry, kept.kernels, folder))
        return VideoPrediction(
            {name: tracks[variant] for name, variant in variants.items()}, self._detections(start, stop)
        )

    def _features(self, start: int, stop: int, begin: int) -> Iterator[Tensor]:
        if self.features is None:
            return mask_features(self.model, FrameSlice(self.frames, start, stop), begin)
        return stored_features(self.features, start + begin, stop, self.model.mask_projection.weight.device)

    def _detections(self, start: int, stop: int) -> Sequence[FrameDetection]:
        if (start, stop) == (0, len(self.frames)):
            return self.detections
        in_frame = len(self.detections) // len(self.frames)
        found = self.detections.read(start * in_frame, stop * in_frame)
        return [replace(one, frame_index=one.frame_index - start) for one in found]


def watch_in_chunks(
    model: VitaNetwork, frames: FrameSource, top_k: int, folder: Path | None = None, spool: bool = False
) -> StreamedVideo:
    """One pass of the detector over the video.

    What is kept lies in `folder`, where a pass that was cut off goes on; without one, in the system's folder for
    temporary files.  spool: keep mask features there too (`feature_bytes`), in the place of a second pass.
    """
    temporary = TemporaryDirectory(prefix="vita-frames-") if folder is None else None
    place = Path(temporary.name) if temporary else folder
    assert place is not None
    queries, channels = model.object_decoder.token_position.weight.shape
    detections = SpooledList(place / "detections.jsonl", lambda found: FrameDetection(**found), vars)
    stores = DiskStore(place / "queries", (queries, channels)), DiskStore(place / "no_object", (queries,))
    geometry = geometry_of(frames)
    shape = (model.mask_projection.out_channels, *(edge // STRIDE for edge in geometry.padded))
    features = DiskStore(place / "mask_features", shape) if spool else None
    video = StreamedVideo(model, frames, top_k, place, geometry, *stores, detections, features, temporary)
    _watch(video, min(top_k, queries * (model.class_head.out_features - 1)))
    return video


@torch.no_grad()
def _watch(video: StreamedVideo, in_frame: int) -> None:
    """See all frames that were not seen yet; in_frame: detections of a frame."""
    stores = [store for store in (video.queries, video.no_object, video.features) if store is not None]
    seen = min(len(video.detections) // in_frame, *map(len, stores))
    # The same chunks as without a cut.
    done = seen if seen == len(video.frames) else seen // CHUNK_FRAMES * CHUNK_FRAMES
    for store in stores:
        store.truncate(done)
    video.detections.truncate(done * in_frame)
    device = video.model.mask_projection.weight.device
    with progress(len(video.frames), "frames", done, SHORT_S) as bar:
        for images, geometry in read_in_chunks(video.frames, device, done):
            output = video.model.detector(images)
            video.detections.extend(detect_in_frames(output, geometry, len(video.queries), video.top_k))
            video.detections.flush()
            video.no_object.append(output.class_logits[-1].softmax(-1)[..., -1])
            video.queries.append(output.queries[-1])
            if video.features is not None:
                video.features.append(video.model.mask_projection(output.pixel_map))
            bar.update(len(images))
