"""Training clips: T frames of one video with the instances seen in them.

Legend: N instances, T frames, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from vita.core.contract import Clip, UserError, Video
from vita.core.run_config import AugmentationConfig
from vita.data.augment.clip_transform import ClipTransform
from vita.data.augment.settings import draw_transform
from vita.data.masks import rle
from vita.data.masks.polygons import Polygons, Segmentation
from vita.data.ytvis import Instance, Split, read_video_picture


class VideoClips:
    """Clips of the videos of a split, each video as likely as any other."""

    nothing = "no training video has an object with a mask, crowds and empty masks aside; see `vita data check`"

    def __init__(
        self, split: Split, *, clip_frames: int, augmentation: AugmentationConfig, frame_range: int = 0
    ) -> None:
        """Raises UserError when no video has an instance to learn from."""
        self._split, self._places = split, learnable(split)
        if not self._places:
            raise UserError(self.nothing)
        self._clip_frames, self._frame_range, self._augmentation = clip_frames, frame_range, augmentation

    def draw(self, rng: np.random.Generator) -> Clip:
        """One clip, which depends on the state of `rng` alone. Raises UserError when a frame is missing or damaged."""
        place = self._places[int(rng.integers(len(self._places)))]
        video = self._split.videos[place]
        indices = self.draw_frames(len(video.frame_paths), rng)
        transform = draw_transform(self._augmentation, (video.height, video.width), len(indices), rng)
        return make_clip(video, self._split.instances[place], indices, transform)

    def draw_frames(self, video_frames: int, rng: np.random.Generator) -> tuple[int, ...]:
        """Numbers of the frames of a clip, of a video of so many."""
        return draw_frames(video_frames, self._clip_frames, self._frame_range, rng)


def draw_frames(video_frames: int, clip_frames: int, frame_range: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Ascending frame numbers: a uniform reference and others near it, with replacement, never the reference again.

    As the released mapper samples them. A video of one frame, where there is no other, repeats it.
    """
    reference = int(rng.integers(video_frames))
    first, last = max(0, reference - frame_range), min(video_frames - 1, reference + frame_range)
    near = [t for t in range(first, last + 1) if t != reference] or [reference]
    others = rng.choice(near, clip_frames - 1)
    return tuple(sorted([reference, *(int(t) for t in others)]))


def learnable(split: Split) -> list[int]:
    """Places of the videos that have an instance to learn from."""
    return [place for place, instances in enumerate(split.instances) if any(map(_has_pixels, instances))]


def _has_pixels(instance: Instance) -> bool:
    """Whether it can be learned from: codes may be of masks without a pixel."""
    return not instance.is_crowd and any(
        isinstance(one, Polygons) or (one is not None and rle.areas([one])[0] > 0) for one in instance.segmentations
    )


def _usable(instance: Instance) -> bool:
    return not instance.is_crowd and any(segmentation is not None for segmentation in instance.segmentations)


def make_clip(video: Video, annotated: Sequence[Instance], indices: tuple[int, ...], transform: ClipTransform) -> Clip:
    """Frames `indices` of a video under a transform, with the instances that are then visible in at least one of them.

    An instance's id is its number among those of the video that can be learnt from. Where nothing is visible, as when
    the window misses all objects, the clip has no instance: the model learns "no object" from it.
    """
    pictures = {t: read_video_picture(video, t) for t in set(indices)}  # frames may be drawn twice
    frames = transform.frames([pictures[t] for t in indices])
    instances = [one for one in annotated if _usable(one)]
    masks = _masks(instances, indices, transform)
    visible = np.asarray(masks.any(axis=(2, 3)))
    seen = np.flatnonzero(visible.any(axis=1))
    ids = np.where(visible[seen], seen[:, None], -1)
    has_mask = [[instances[number].segmentations[t] is not None for t in indices] for number in seen]
    return Clip(
        frames=torch.from_numpy(frames),
        masks=torch.from_numpy(masks if len(seen) == len(masks) else masks[seen]),
        labels=torch.tensor([instances[number].label for number in seen], dtype=torch.int64),
        ids=torch.from_numpy(ids.astype(np.int64)),
        annotated=torch.tensor(has_mask, dtype=torch.bool).reshape(ids.shape),
        video_id=video.id,
        frame_indices=indices,
    )


def _masks(instances: list[Instance], indices: tuple[int, ...], transform: ClipTransform) -> np.ndarray:
    """(N, T, H, W) bool after the transform. What happens twice, a frame that moves alike, is done once."""
    masks = np.zeros((len(instances), len(indices), *transform.size), bool)
    earlier: dict[object, int] = {}
    for t, index in enumerate(indices):
        done = earlier.setdefault((index, transform.of_frame(t)), t)
        if done != t:
            masks[:, t] = masks[:, done]
        else:
            _fill(masks[:, t], [one.segmentations[index] for one in instances], transform, t)
    return masks


def _fill(masks: np.ndarray, segmentations: list[Segmentation], transform: ClipTransform, t: int) -> None:
    """masks: (N, H, W) bool of frame t, empty. Codes become pixels before they are moved, polygons after."""
    shown = transform.shown(t) if any(isinstance(one, Polygons) for one in segmentations) else None
    for number, one in enumerate(segmentations):
        if isinstance(one, Polygons):
            masks[number] = one.moved(lambda points: transform.points(t, points)).mask(transform.size)
            masks[number] &= True if shown is None else shown
        elif one is not None:
            masks[number] = transform.code(t, one)
