"""Clips that overlap become one video: instances are matched by the soft IoU of their masks (paper, section 3.3).

Nothing here grows with the length of the video but one row of class probabilities an instance.

Legend: N instances of the video so far, n of one clip, m of one frame, t frames of a clip, K classes,
h w positions of a mask, P positions in all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

TINY = 1e-6


@dataclass(frozen=True)
class ClipInstances:
    """What was found in the frames [start, start + t) of a video, or may be."""

    start: int
    probabilities: Tensor  # (n, K+1), of what was found in host memory
    logits: Tensor  # (n, t, h, w)

    @property
    def stop(self) -> int:
        """The frame after the last."""
        return self.start + self.logits.shape[1]

    def found(self, probabilities: Tensor) -> ClipInstances:
        """Those whose best class is not "no object"; probabilities: its own, in host memory."""
        (numbers,) = torch.where(probabilities.argmax(1) < probabilities.shape[1] - 1)
        logits = self.logits[numbers.to(self.logits.device, non_blocking=True)]
        return ClipInstances(self.start, probabilities[numbers], logits)


@dataclass(frozen=True)
class Association:
    """How one clip was joined to the video; all in host memory."""

    similarity: Tensor  # (N, n) mean soft IoU
    rows: Tensor  # (min(N, n),) optimal pairs, before the threshold
    columns: Tensor
    instances: Tensor  # (n,) the number in the video of each instance of the clip, some of them new


class ClipMerger:
    """A video in the making. `span` frames a clip: as many clips back, at most, may share a frame with the next.

    Masks stay on their device. Who is who is known on the host, which waits for one similarity a clip.
    """

    def __init__(self, span: int, threshold: float) -> None:
        self.threshold = threshold
        # Clips with the numbers of their instances in the video, on the host and on the device.
        self._recent: deque[tuple[ClipInstances, Tensor, Tensor]] = deque(maxlen=span)
        self._class_sums: Tensor | None = None  # (N, K+1)
        self._clips: Tensor | None = None  # (N,) that hold the instance

    @property
    def probabilities(self) -> Tensor:
        """Class probabilities of every instance, (N, K+1): the mean over the clips that hold it."""
        assert self._class_sums is not None and self._clips is not None
        return self._class_sums / self._clips[:, None]

    def add(self, clip: ClipInstances, similarity: Tensor | None = None) -> Association:
        """Join the next clip; clips come in the order of their frames.

        similarity: (N, n), as `similarity` gives it, in host memory; made here where it is not given.
        """
        # Pair the clip's instances with the video's, as far as their masks agree.
        similarity = self.similarity(clip).cpu() if similarity is None else similarity
        rows, columns = best_pairs(similarity, self.threshold)
        good = similarity[rows, columns] > self.threshold
        numbers = torch.full((len(clip.logits),), -1)
        numbers[columns[good]] = rows[good]
        # Those without a partner are new in the video.
        new = numbers == -1
        numbers[new] = torch.arange(int(new.sum())) + len(similarity)
        self._count(clip, numbers, len(similarity) + int(new.sum()))
        return Association(similarity, rows, columns, numbers)

    def _count(self, clip: ClipInstances, numbers: Tensor, total: int) -> None:
        found = clip.probabilities
        sums, clips = self._class_sums, self._clips
        if sums is None or clips is None:
            sums, clips = found.new_zeros(0, found.shape[1]), found.new_zeros(0)
        new = total - len(sums)
        self._class_sums = F.pad(sums, (0, 0, 0, new)).index_add(0, numbers, found)
        self._clips = F.pad(clips, (0, new)).index_add(0, numbers, found.new_ones(len(found)))
        self._recent.append((clip, numbers, numbers.to(clip.logits.device, non_blocking=True)))

    def similarity(self, clip: ClipInstances) -> Tensor:
        """(N, n): soft IoU on shared frames, a mean over the earlier clips that share some and hold the instance."""
        known = 0 if self._clips is None else len(self._clips)
        total, count = clip.logits.new_zeros(known, len(clip.logits)), clip.logits.new_zeros(known)
        for earlier, _, numbers in self._recent:
            start, stop = max(earlier.start, clip.start), min(earlier.stop, clip.stop)
            if start < stop:
                # Compare masks on the frames that both clips hold.
                before, now = (
                    one.logits[:, start - one.start : stop - one.start].sigmoid().flatten(1) for one in (earlier, clip)
                )
                total.index_add_(0, numbers, soft_iou(before, now))
                count.index_add_(0, numbers, count.new_ones(len(numbers)))
        return total / (count[:, None] + TINY)

    def frame(self, number: int) -> tuple[Tensor, Tensor]:
        """The instances (m,) that recent clips hold in a frame, and their mean mask logits (m, h, w) on the device.

        Final as soon as no later clip begins at this frame or before it.
        """
        # Gather what every recent clip says of the frame, and average it instance by instance.
        holding = [(clip, numbers) for clip, numbers, _ in self._recent if clip.start <= number < clip.stop]
        logits = torch.cat([clip.logits[:, number - clip.start] for clip, _ in holding])
        instances, rows = torch.cat([numbers for _, numbers in holding]).unique(return_inverse=True)
        indices = torch.cat([rows, rows.bincount(minlength=len(instances))]).to(logits.device, non_blocking=True)
        rows, held = indices.split([len(rows), len(instances)])
        sums = logits.new_zeros(len(instances), *logits.shape[1:]).index_add(0, rows, logits)
        return instances, sums / held[:, None, None]


def soft_iou(first: Tensor, second: Tensor) -> Tensor:
    """Probabilities (N, P) and (n, P) at P positions -> (N, n): sum of products over sum of probabilistic unions."""
    products = first @ second.T
    return products / (first.sum(1, keepdim=True) + second.sum(1) - products + TINY)


def best_pairs(similarity: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """Rows and columns of the pairs with the largest sum, where what is not above the threshold counts nothing."""
    worth = similarity.where(similarity > threshold, 0.0).numpy()
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return torch.from_numpy(rows), torch.from_numpy(columns)
