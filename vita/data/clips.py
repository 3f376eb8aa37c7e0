"""Training clips: T frames of one video with the instances seen in them.

Legend: N instances, T frames, H W pixels.
"""

from __future__ import annotations

import numpy as np
import torch

from vita.config import AugmentationConfig
from vita.contract import Clip, UserError, Video
from vita.data import rle
from vita.data.augmentation import draw_transform
from vita.data.ytvis import Instance, Split, read_video_frame


class ClipSampler:
    """The stream of training clips, as a map from sample number to clip.

    Sample k depends only on the seed and k, so resuming and any number of workers give the same stream.
    """

    def __init__(
        self,
        split: Split,
        *,
        clip_frames: int,
        frame_range: int,
        augmentation: AugmentationConfig,
        length: int,
        seed: int,
    ) -> None:
        """`length` is the number of samples. Raises UserError when no video has an instance to learn from."""
        pairs = zip(split.videos, map(_usable, split.instances), strict=True)
        self._pairs: list[tuple[Video, list[Instance]]] = [(video, kept) for video, kept in pairs if kept]
        if not self._pairs:
            raise UserError("no training video has an annotated, non-crowd instance; check the training annotations")
        self._clip_frames, self._frame_range = clip_frames, frame_range
        self._augmentation, self._length, self._seed = augmentation, length, seed

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, k: int) -> Clip:
        if not 0 <= k < self._length:
            raise IndexError(f"sample {k} of a stream of {self._length}")
        rng = np.random.default_rng([self._seed, k])
        video, instances = self._pairs[int(rng.integers(len(self._pairs)))]
        indices = draw_frames(len(video.frame_paths), self._clip_frames, self._frame_range, rng)
        transform = draw_transform(self._augmentation, video.height, video.width, rng)
        frames = transform.frames(np.stack([read_video_frame(video, t) for t in indices]))
        masks = transform.masks(_decode(instances, video, indices))
        return _clip(frames, masks, instances, video.id, indices)


def draw_frames(video_frames: int, clip_frames: int, frame_range: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Ascending frame numbers: a uniform reference and others near it, with replacement, never the reference again.

    As the released mapper samples them. A video of one frame, where there is no other, repeats it.
    """
    reference = int(rng.integers(video_frames))
    first, last = max(0, reference - frame_range), min(video_frames - 1, reference + frame_range)
    near = [t for t in range(first, last + 1) if t != reference] or [reference]
    others = rng.choice(near, clip_frames - 1)
    return tuple(sorted([reference, *(int(t) for t in others)]))


def _usable(instances: tuple[Instance, ...]) -> list[Instance]:
    return [one for one in instances if not one.is_crowd and any(s is not None for s in one.segmentations)]


def _decode(instances: list[Instance], video: Video, indices: tuple[int, ...]) -> np.ndarray:
    """(N, T, H, W) bool of all instances in the chosen frames."""
    codes = [one.segmentations[t] for one in instances for t in indices]
    masks = rle.decode(codes, video.height, video.width)
    return masks.reshape(len(instances), len(indices), video.height, video.width)


def _clip(
    frames: np.ndarray, masks: np.ndarray, instances: list[Instance], video_id: int, indices: tuple[int, ...]
) -> Clip:
    """Tensors of the instances that are visible in at least one frame after augmentation."""
    visible = np.asarray(masks.any(axis=(2, 3)))
    seen = np.flatnonzero(visible.any(axis=1))
    ids = np.where(visible[seen], seen[:, None], -1)
    labels = [instances[number].label for number in seen]
    return Clip(
        frames=torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2))),
        masks=torch.from_numpy(np.ascontiguousarray(masks[seen])),
        labels=torch.tensor(labels, dtype=torch.int64),
        ids=torch.from_numpy(ids.astype(np.int64)),
        video_id=video_id,
        frame_indices=indices,
    )
