"""VITA on a whole video: one pass of the detector, from which any part is predicted under any number of variants.

What is kept of a frame lies in memory, or, of a video of any length, in files. The mask features of a frame are a
hundred times larger than its object tokens: on disk they are only kept where that is asked for, and otherwise made a
second time by the detector's pixel level, while masks are decoded.

Legend: T frames, t frames at once, Q frame queries, C channels, h w stride-4 positions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from vita.blocks.frame_detections import FrameDetections
from vita.blocks.frame_detector import CHUNK_FRAMES, normalise_and_pad, read_in_chunks
from vita.blocks.mask_decoding import FrameGeometry
from vita.core.contract import FrameDetection, FrameSource, VideoPrediction
from vita.core.progress import SHORT_S, progress
from vita.data.frames import FrameSlice
from vita.model.network import VitaNetwork, VitaVariant
from vita.model.streaming.association import FrameQueries, associate_in_chunks
from vita.model.streaming.disk_list import DiskList
from vita.model.streaming.frame_store import DiskStore, FrameStore, MemoryStore
from vita.model.streaming.mask_pass import mask_features, sweep_masks
from vita.model.tracks import choose, keep_queries

FRAMES_ON_DEVICE = 36  # mask features of longer videos wait in host memory, as in the release
KEPT_FRAMES = 36  # a video that is no longer is always kept in memory
STRIDE = 4  # pixels a position of the mask features


@dataclass(frozen=True)
class KeptFrames:
    """What is kept of the frames that the detector has seen, in memory or in files."""

    queries: FrameStore  # (T, Q, C)
    no_object: FrameStore  # (T, Q) probabilities
    features: FrameStore | None  # (T, C, h, w) mask features; None: they are made a second time
    detections: list[FrameDetection] | DiskList[FrameDetection]  # of every frame equally many


@dataclass(frozen=True)
class FramesSeen:
    """A video whose frames the detector has seen: any part of it can be predicted (`vita.core.contract.EncodedVideo`).

    folder: of the files in which `kept` lies; None where it lies in memory.
    temporary: is removed with this video; open files stay readable.
    """

    model: VitaNetwork
    frames: FrameSource
    top_k: int
    geometry: FrameGeometry
    kept: KeptFrames
    folder: Path | None = None
    temporary: TemporaryDirectory[str] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def streamed(self) -> bool:
        """Whether memory does not grow with the number of frames."""
        return self.folder is not None

    @torch.no_grad()
    def predict(self, start: int, stop: int, variants: Mapping[str, VitaVariant]) -> VideoPrediction:
        """The frames [start, stop) as a video of their own; equal variants are one."""
        # Associate the part's frame queries once for each variant, and choose the best pairs of query and class.
        part = FrameQueries(self.kept.queries, self.kept.no_object, start, stop)
        distinct = dict.fromkeys(variants.values())
        outputs = {variant: associate_in_chunks(self.model, part, variant, self.folder) for variant in distinct}
        chosen = keep_queries({variant: choose(output, self.top_k) for variant, output in outputs.items()})
        # Decode the masks of all chosen queries in one sweep over the mask features.
        place = self.folder and self.folder / f"masks{next(self._numbers)}"
        features = partial(self.features, start, stop)
        tracks = chosen.tracks(sweep_masks(features, stop - start, self.geometry, chosen.kernels, place))
        named = {name: tracks[variant] for name, variant in variants.items()}
        return VideoPrediction(named, self._detections(start, stop))

    def features(self, start: int, stop: int, begin: int = 0) -> Iterator[Tensor]:
        """Mask features of the part [start, stop) from its frame number `begin` on, (t, C, h, w) each."""
        if self.kept.features is None:
            return mask_features(self.model, FrameSlice(self.frames, start, stop), begin)
        return self.kept.features.pieces(start + begin, stop)

    def _detections(self, start: int, stop: int) -> Sequence[FrameDetection]:
        found = self.kept.detections
        if (start, stop) == (0, len(self.frames)):
            return found
        in_frame = len(found) // len(self.frames)
        part = found[start * in_frame : stop * in_frame]
        return [replace(one, frame_index=one.frame_index - start) for one in part]


def encode_at_once(model: VitaNetwork, frames: FrameSource, top_k: int) -> FramesSeen:
    """One pass of the detector over the video, in chunks; what is kept lies in memory."""
    device = model.mask_projection.weight.device
    features = MemoryStore(torch.device("cpu") if len(frames) > FRAMES_ON_DEVICE else device)
    kept = KeptFrames(MemoryStore(device), MemoryStore(device), features, [])
    *_, (_, geometry) = _see(model, frames, top_k, kept)
    return FramesSeen(model, frames, top_k, geometry, kept)


def encode_in_chunks(
    model: VitaNetwork, frames: FrameSource, top_k: int, folder: Path | None = None, spool: bool = False
) -> FramesSeen:
    """As `encode_at_once`, for a video of any length.

    What is kept lies in `folder`, where a pass that was cut off goes on; without one, in the system's folder for
    temporary files.  spool: keep mask features there too (`feature_bytes`), in the place of a second pass.
    """
    temporary = TemporaryDirectory(prefix="vita-frames-") if folder is None else None
    place = Path(temporary.name) if temporary else folder
    assert place is not None
    queries, channels = model.object_decoder.token_position.weight.shape
    geometry = geometry_of(frames)
    shape = (model.mask_projection.out_channels, *(edge // STRIDE for edge in geometry.padded))
    features = DiskStore(place / "mask_features", shape, at_once=CHUNK_FRAMES) if spool else None
    stores = DiskStore(place / "queries", (queries, channels)), DiskStore(place / "no_object", (queries,))
    detections = DiskList(place / "detections.jsonl", lambda found: FrameDetection(**found), vars)
    kept = KeptFrames(*stores, features, detections)
    in_frame = min(top_k, queries * (model.class_head.out_features - 1))
    done = _resume([*stores, *([features] if features else [])], detections, in_frame, len(frames))
    with progress(len(frames), "frames", done, SHORT_S) as bar:
        for seen, _ in _see(model, frames, top_k, kept, done):
            detections.flush()
            bar.update(seen)
    detections.flush()
    return FramesSeen(model, frames, top_k, geometry, kept, place, temporary)


def _resume(stores: list[DiskStore], detections: DiskList[FrameDetection], in_frame: int, frames: int) -> int:
    """The number of frames that need not be seen again; in_frame: detections of a frame."""
    seen = min(len(detections) // in_frame, *map(len, stores))
    # The same chunks as without a cut.
    done = seen if seen == frames else seen // CHUNK_FRAMES * CHUNK_FRAMES
    for store in stores:
        store.truncate(done)
    detections.truncate(done * in_frame)
    return done


@torch.no_grad()
def _see(
    model: VitaNetwork, frames: FrameSource, top_k: int, kept: KeptFrames, begin: int = 0
) -> Iterator[tuple[int, FrameGeometry]]:
    """Keep the frames from number `begin` on, chunk by chunk: the number of each chunk's frames, and their sizes."""
    coding: deque[FrameDetections] = deque()
    try:
        for images, geometry in read_in_chunks(frames, model.mask_projection.weight.device, begin):
            output = model.detector(images)
            coding.append(FrameDetections(output, geometry, len(kept.queries), top_k))
            kept.no_object.append(output.class_logits[-1].softmax(-1)[..., -1])
            kept.queries.append(output.queries[-1])
            if kept.features is not None:
                kept.features.append(model.mask_projection(output.pixel_map))
            # While masks of this chunk are coded, the device sees the next one.
            while len(coding) > 1:
                kept.detections.extend(coding.popleft().finish())
            yield len(images), geometry
    except Exception:
        with suppress(Exception):  # the first error is the one to tell; what was seen before need not be seen again
            _keep_all(coding, kept)
        raise
    _keep_all(coding, kept)


def _keep_all(coding: deque[FrameDetections], kept: KeptFrames) -> None:
    for last in coding:
        kept.detections.extend(last.finish())


def is_too_long(frames: FrameSource, channels: int, keep_bytes: int) -> bool:
    """Whether the mask features of a video's frames take more than may be kept; channels: C."""
    return len(frames) > KEPT_FRAMES and feature_bytes(frames, channels) > keep_bytes


def feature_bytes(frames: FrameSource, channels: int) -> int:
    """What the mask features of all frames of a video take, in bytes; channels: C."""
    height, width = geometry_of(frames).padded
    return 4 * channels * len(frames) * (height // STRIDE) * (width // STRIDE)


def geometry_of(frames: FrameSource) -> FrameGeometry:
    """Sizes of a video's frames, from its first one."""
    first = frames.read(0, 1)
    padded = normalise_and_pad([first]).shape
    out = frames.out_height, frames.out_width
    return FrameGeometry((padded[2], padded[3]), (first.shape[2], first.shape[3]), out)
