"""What a frame detector finds in frames by itself, before anything is associated.

Legend: F frames, k kept predictions of a frame.
"""

from __future__ import annotations

import torch

from vita.blocks.frame_detector import FrameOutput
from vita.blocks.host_transfer import HostCopy
from vita.blocks.mask_decoding import FrameGeometry, MaskTracks, top_pairs
from vita.core.contract import FrameDetection


class FrameDetections:
    """The detector's own k best objects of F frames, whose masks are being coded."""

    def __init__(self, output: FrameOutput, geometry: FrameGeometry, start: int, top_k: int) -> None:
        """start: number of the first frame."""
        scores, labels, queries = top_pairs(output.class_logits[-1], top_k)  # (F, k) each
        frames = torch.arange(len(queries), device=queries.device)[:, None]
        self._numbers = [start + frame for frame in range(len(queries)) for _ in range(queries.shape[1])]
        self._scores, self._labels = HostCopy(scores.flatten()), HostCopy(labels.flatten())
        self._masks = MaskTracks(geometry, queries.numel())
        self._masks.add(output.mask_logits[-1][frames, queries].flatten(0, 1)[:, None])

    def finish(self) -> list[FrameDetection]:
        """All of them, frame by frame; score = class probability x mean foreground probability."""
        rescored = (self._scores.get() * self._masks.quality).tolist()
        found = zip(self._numbers, self._labels.get().tolist(), rescored, self._masks.segmentations, strict=True)
        return [FrameDetection(frame, label, score, codes[0]) for frame, label, score, codes in found]
