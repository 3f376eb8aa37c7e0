"""What was drawn to augment one clip, and its effect on frames, masks and polygons.

Legend: T frames, H W pixels, P points (x, y) in pixels from the top left corner.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from vita.core.contract import Rle
from vita.data.augment.resize import Picture
from vita.data.augment.transforms import Floats, LineChoice, Size, Transform, choose_lines
from vita.data.masks.rle_crop import coded_lines


@dataclass(frozen=True)
class Step:
    """One transform for every frame, and the size that all frames then have."""

    transforms: tuple[Transform, ...]
    size: Size


@dataclass(frozen=True)
class ClipTransform:
    """The steps of a clip, in order. old: size of its frames before the first."""

    old: Size
    steps: tuple[Step, ...]

    @property
    def size(self) -> Size:
        """Height and width after all steps."""
        return self.steps[-1].size if self.steps else self.old

    def of_frame(self, t: int) -> tuple[Transform, ...]:
        """The transforms of one frame, in order. Frames with equal ones move alike."""
        return tuple(step.transforms[t] for step in self.steps)

    def frames(self, frames: Sequence[Picture]) -> np.ndarray:
        """T pictures of (H, W, 3) uint8 -> (T, 3, H', W') uint8.

        A picture that occurs several times, as in a pseudo-video, goes once through the steps that are the same.
        """
        pictures = list(frames)
        for step in self.steps:
            done: dict[tuple[int, Transform], np.ndarray] = {}
            keys = [(id(picture), transform) for picture, transform in zip(pictures, step.transforms, strict=True)]
            for key, picture in zip(keys, pictures, strict=True):
                if key not in done:
                    done[key] = key[1].frame(picture)
            pictures = [done[key] for key in keys]
        moved = np.empty((len(pictures), 3, *self.size), np.uint8)
        for place, picture in zip(moved, pictures, strict=True):
            place[:] = np.asarray(picture).transpose(2, 0, 1)
        return moved

    def mask(self, t: int, mask: np.ndarray) -> np.ndarray:
        """(H, W) bool of frame t -> (H', W')."""
        for choices, transforms in _runs(self.of_frame(t)):
            if choices:
                mask = choose_lines(choices, mask)
            for transform in transforms:
                mask = transform.mask(mask)
        return mask

    def code(self, t: int, code: Rle) -> np.ndarray:
        """The same of a run-length code; only pixels that are left are ever unpacked."""
        transforms = self.of_frame(t)
        choices: list[LineChoice] = []
        for transform in transforms:
            if not isinstance(transform, LineChoice):
                break
            choices.append(transform)
        mask = coded_lines(tuple(choices), self.old).decode(code)
        for transform in transforms[len(choices) :]:
            mask = transform.mask(mask)
        return mask

    def shown(self, t: int) -> np.ndarray | None:
        """(H', W') bool, what of the stored frame t is shown, without padding and what turns in; None: all is.

        Polygons need it: a part that a crop cuts off would come back in by a rotation.
        """
        if all(isinstance(transform, LineChoice) for transform in self.of_frame(t)):
            return None
        return self.mask(t, np.ones(self.old, bool))

    def points(self, t: int, points: Floats) -> Floats:
        """(P, 2) of frame t -> (P, 2), not cut at the border."""
        for transform in self.of_frame(t):
            points = transform.points(points)
        return points


def _runs(transforms: tuple[Transform, ...]) -> Iterator[tuple[list[LineChoice], list[Transform]]]:
    """Neighbours that choose lines, to be taken together, and all others, to be taken one by one."""
    for is_choice, run in groupby(transforms, lambda transform: isinstance(transform, LineChoice)):
        together: list[LineChoice] = []
        alone: list[Transform] = []
        for transform in run:
            if isinstance(transform, LineChoice):
                together.append(transform)
            else:
                alone.append(transform)
        yield (together, alone) if is_choice else ([], alone)
