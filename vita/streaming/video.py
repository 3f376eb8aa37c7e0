"""VITA on a video of any length: what is kept of a frame is its frame queries, on disk; masks need a second look.

The mask features of a frame are a hundred times larger than its object tokens. They are not kept: while masks are
decoded, the detector's pixel level makes them again. Results are those of `vita.inference`.

Legend: T frames of the video, t frames at once, Q frame queries, C channels, h w stride-4 positions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vita.contract import FrameDetection, FrameSource, Rle, VideoPrediction
from vita.data.frames import FrameSlice
from vita.detector import FrameOutput, normalise_and_pad, read_in_chunks
from vita.inference import add_masks, choose, detect_in_frames, keep_queries
from vita.mask_decoding import FrameGeometry, MaskTracks
from vita.streaming.association import FrameQueries, associate_in_chunks
from vita.streaming.frame_store import DiskStore
from vita.streaming.spool import SpooledList

if TYPE_CHECKING:
    from vita.model import Vita, VitaVariant


STRIDE = 4  # pixels a position of the mask features
KEPT_FRAMES = 36  # a video that is no longer is always kept in memory
STREAM_ABOVE = 4 * 2**30  # bytes of mask features that a video may keep


def is_too_long(frames: FrameSource, channels: int) -> bool:
    """Whether the mask features of a video's frames are too large to be kept; channels: C."""
    if len(frames) <= KEPT_FRAMES:
        return False
    height, width = normalise_and_pad([frames.read(0, 1)]).shape[2:]
    return 4 * channels * len(frames) * (height // STRIDE) * (width // STRIDE) > STREAM_ABOVE


@dataclass(frozen=True)
class StreamedVideo:
    """All that is kept of a video's frames, in files (`vita.contract.WatchedVideo`)."""

    model: Vita
    frames: FrameSource
    top_k: int
    folder: Path
    geometry: FrameGeometry
    queries: DiskStore  # (T, Q, C)
    no_object: DiskStore  # (T, Q)
    detections: SpooledList[FrameDetection]
    temporary: TemporaryDirectory[str] | None = None  # is removed with this video; open files stay readable

    @torch.no_grad()
    def predict(self, start: int, stop: int, variants: Mapping[str, VitaVariant]) -> VideoPrediction:
        """The frames [start, stop) as a video of their own; equal variants are one."""
        part = FrameQueries(self.queries, self.no_object, start, stop)
        distinct = dict.fromkeys(variants.values())
        outputs = {v: associate_in_chunks(self.model, part, v, self.folder) for v in distinct}
        kept = keep_queries({variant: choose(output, self.top_k) for variant, output in outputs.items()})
        masks = MaskTracks(self.geometry, len(kept.kernels), self._lists(len(kept.kernels)))
        add_masks(masks, kept.kernels, self.mask_features(start, stop))
        tracks = kept.tracks(masks)
        return VideoPrediction(
            {name: tracks[variant] for name, variant in variants.items()}, self._detections(start, stop), streamed=True
        )

    def mask_features(self, start: int, stop: int) -> Iterator[Tensor]:
        """Of the frames [start, stop), (t, C, h, w) each, made anew."""
        frames = FrameSlice(self.frames, start, stop)
        for images, _ in read_in_chunks(frames, self.model.mask_projection.weight.device):
            yield self.model.mask_projection(self.model.detector.pixel_maps(images))

    def _lists(self, number: int) -> list[SpooledList[Rle]]:
        folder = Path(mkdtemp(dir=self.folder, prefix="masks"))
        return [SpooledList(folder / f"{row}.jsonl", lambda rle: rle, lambda rle: rle) for row in range(number)]

    def _detections(self, start: int, stop: int) -> SpooledList[FrameDetection] | list[FrameDetection]:
        if (start, stop) == (0, len(self.frames)):
            return self.detections
        in_frame = len(self.detections) // len(self.frames)
        found = self.detections.read(start * in_frame, stop * in_frame)
        return [replace(one, frame_index=one.frame_index - start) for one in found]


@torch.no_grad()
def watch_in_chunks(model: Vita, frames: FrameSource, top_k: int) -> StreamedVideo:
    """One pass of the detector over the video; what is kept lies in the system's folder for temporary files."""
    temporary = TemporaryDirectory(prefix="vita-frames-")
    folder = Path(temporary.name)
    detections = SpooledList(folder / "detections.jsonl", lambda found: FrameDetection(**found), vars)
    stores: tuple[DiskStore, DiskStore] | None = None
    for images, geometry in read_in_chunks(frames, model.mask_projection.weight.device):
        output = model.detector(images)
        stores = stores or open_stores(folder, output)
        start = len(stores[0])
        stores[0].append(output.queries[-1])
        stores[1].append(output.class_logits[-1].softmax(-1)[..., -1])
        detections.extend(detect_in_frames(output, geometry, start, top_k))
    assert stores is not None, "a video has a frame"
    return StreamedVideo(model, frames, top_k, folder, geometry, *stores, detections, temporary)


def open_stores(folder: Path, output: FrameOutput) -> tuple[DiskStore, DiskStore]:
    """For frame queries, and for their probabilities of "no object"."""
    queries = tuple(output.queries.shape[2:])
    return DiskStore(folder / "queries", queries), DiskStore(folder / "no_object", queries[:1])
