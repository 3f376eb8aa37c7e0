"""From mask logits at stride 4 to run-length codes, a few frames at a time.

Legend: M masks of one frame, T frames, H W pixels of the network input, h w positions of the stride-4 map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from pycocotools import mask as coco_mask
from torch import Tensor

from vita.blocks.host_transfer import HostCopy
from vita.blocks.mask_coding import CodingThread
from vita.blocks.mask_kernel import Axis, Coded, code_masks, resize_axis
from vita.core.contract import Rle, Track


@dataclass(frozen=True)
class FrameGeometry:
    """Sizes in pixels, (height, width): of the padded input, of the input, and of the stored frames."""

    padded: tuple[int, int]
    network: tuple[int, int]
    out: tuple[int, int]


def frames_per_chunk(geometry: FrameGeometry, pixels: int = 1_200_000) -> int:
    """How many frames to decode at once so that one mask holds at most `pixels` (five frames of 360 x 640)."""
    height, width = (max(a, b) for a, b in zip(geometry.padded, geometry.out, strict=True))
    return max(1, pixels // (height * width))


class RleList(Protocol):
    """The masks of one track, in memory or elsewhere."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Rle]: ...

    def __getitem__(self, number: int, /) -> Rle: ...

    def extend(self, codes: Iterable[Rle], /) -> None:
        """The next frames."""
        ...


class MaskTracks:
    """Masks of M tracks, filled chunk by chunk; no whole video of float masks ever exists.

    They are coded in a thread; whoever looks at what is there waits for it.
    """

    def __init__(self, geometry: FrameGeometry, count: int, segmentations: Sequence[RleList] = ()) -> None:
        """segmentations: one list for each mask; lists in memory where none are given."""
        self.geometry, self.count = geometry, count
        self._segmentations = segmentations or [list[Rle]() for _ in range(count)]
        self._foreground = np.zeros((2, count))
        self._coding = CodingThread()

    def add(self, logits: Tensor) -> None:
        """The next frames: logits (M, T, h, w)."""
        arriving = HostCopy(columns_of(logits.flatten(0, 1)))
        self._coding.submit(partial(self._code, arriving, logits.shape[1]))

    def _code(self, arriving: HostCopy, frames: int) -> None:
        codes, coded = code_frames(arriving.get(), self.geometry)
        # Hand every track its frames' codes.
        for number, track in enumerate(self._segmentations):
            track.extend(codes[number * frames : (number + 1) * frames])
        # Remember how sure the masks are where they are foreground: `quality` is the mean over the video.
        self._foreground += np.stack([coded.probability, coded.pixels]).reshape(2, self.count, frames).sum(2)

    @property
    def segmentations(self) -> Sequence[RleList]:
        """The codes of each mask, frame by frame."""
        self._coding.wait()
        return self._segmentations

    @property
    def foreground(self) -> np.ndarray:
        """(2, M): sum of probabilities above one half, and their number."""
        self._coding.wait()
        return self._foreground

    @foreground.setter
    def foreground(self, so_far: np.ndarray) -> None:
        self._foreground = so_far

    @property
    def quality(self) -> Tensor:
        """Mean foreground probability over all frames, (M,), in host memory: 0 for a mask that is empty everywhere."""
        probability, pixels = torch.from_numpy(self.foreground).float()
        return probability / (pixels + 1e-6)


def columns_of(logits: Tensor) -> Tensor:
    """Maps (M, h, w) as the kernel takes them: in 32 bits, column by column, (M, w, h)."""
    return logits.float().transpose(1, 2).contiguous()


def code_frames(columns: Tensor, geometry: FrameGeometry) -> tuple[list[Rle], Coded]:
    """Codes of M masks, each of one frame, from logits (M, w, h) in host memory, and what the kernel says of them.

    Resizes to the network's input and to the stored frames, thresholds and encodes, all in one compiled kernel, which
    lets other threads run.
    """
    network, out = axes(geometry, (columns.shape[2], columns.shape[1]))
    coded = code_masks(columns.numpy(), network, out, geometry.out != geometry.network)
    return _separate(coded, geometry.out), coded


def axes(geometry: FrameGeometry, size: tuple[int, int]) -> tuple[tuple[Axis, Axis], tuple[Axis, Axis]]:
    """Rows and columns of both resizes: from maps of `size` to the network's, without its padding, and to the output's.

    size: (h, w).
    """
    sizes = zip(size, geometry.padded, geometry.network, strict=True)
    rows, columns = (resize_axis(*size) for size in sizes)
    out_rows, out_columns = (resize_axis(a, b, b) for a, b in zip(geometry.network, geometry.out, strict=True))
    return (rows, columns), (out_rows, out_columns)


def _separate(coded: Coded, size: tuple[int, int]) -> list[Rle]:
    text, ends = coded.text.tobytes().decode("ascii"), coded.ends.tolist()
    shared = list(size)  # hundreds of thousands of lists would keep the garbage collector busy
    return [Rle(size=shared, counts=text[begin:end]) for begin, end in pairwise([0, *ends])]


def to_network_size(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """(M, T, h, w) -> (M, T, H, W): bilinear to the padded size, then the padding is cut off."""
    whole = F.interpolate(logits, size=geometry.padded, mode="bilinear", align_corners=False)
    return whole[..., : geometry.network[0], : geometry.network[1]]


def to_out_size(logits: Tensor, geometry: FrameGeometry) -> Tensor:
    """(M, T, H, W) -> bilinear to the size of the stored frames."""
    if geometry.out == geometry.network:
        return logits
    return F.interpolate(logits, size=geometry.out, mode="bilinear", align_corners=False)


def encode(masks: Tensor) -> list[list[Rle]]:
    """Boolean masks (M, T, H, W) -> compressed run-length codes, [M][T]."""
    tracks, frames = masks.shape[:2]
    # The encoder wants columns to run fastest, so that the transposed copy is read in place.
    columns = masks.transpose(2, 3).flatten(0, 1).to(torch.uint8).contiguous().cpu().numpy()
    codes = coco_mask.encode(np.transpose(columns, (2, 1, 0)))
    rles = [Rle(size=[int(s) for s in code["size"]], counts=code["counts"].decode("ascii")) for code in codes]
    return [rles[i * frames : (i + 1) * frames] for i in range(tracks)]


def decode(tracks: Sequence[Iterable[Rle]]) -> np.ndarray:
    """Compressed run-length codes, [M][T] -> masks (M, T, H, W) of 0 and 1, the inverse of `encode`."""
    return np.stack([np.stack([coco_mask.decode(code) for code in codes]) for codes in tracks])


def top_pairs(class_logits: Tensor, top_k: int) -> tuple[Tensor, Tensor, Tensor]:
    """The k best of (..., N, K+1) over all (query, class) pairs: scores, labels and queries, (..., k) each."""
    # The last class, "no object", is never a prediction.
    probabilities = class_logits.softmax(-1)[..., :-1]
    classes = probabilities.shape[-1]
    flat = probabilities.flatten(-2)
    scores, pairs = flat.topk(min(top_k, flat.shape[-1]), dim=-1)
    return scores, pairs % classes, pairs // classes


def tracks_of(labels: Tensor, scores: Tensor, masks: MaskTracks, rows: Tensor) -> list[Track]:
    """Tracks, best first: labels, scores and rows (k,), the rows being numbers among the M masks."""
    found = zip(labels.tolist(), scores.tolist(), rows.tolist(), strict=True)
    tracks = [Track(label, score, masks.segmentations[row]) for label, score, row in found]
    return sorted(tracks, key=lambda track: -track.score)
