"""The stream of training clips, of one source or of several that are mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vita.core.contract import Clip
from vita.core.run_config import RunConfig
from vita.data.dataset import read_part
from vita.data.sampling.clips import VideoClips
from vita.data.sampling.pseudo_videos import PseudoVideoClips, map_categories
from vita.data.ytvis import Split


@dataclass(frozen=True)
class ClipStream:
    """A map from sample number to clip.

    Sample k depends only on the seed and k, so resuming and any number of workers give the same stream. The source is
    drawn for each sample too, so that clips of all sources meet in a batch.

    odds: of the sources, in any unit; length: number of samples.
    """

    sources: Sequence[VideoClips]
    odds: Sequence[float]
    length: int
    seed: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, k: int) -> Clip:
        if not 0 <= k < self.length:
            raise IndexError(f"sample {k} of a stream of {self.length}")
        rng = np.random.default_rng([self.seed, k])
        return self.sources[self._choose(rng)].draw(rng)

    def _choose(self, rng: np.random.Generator) -> int:
        """Number of a source. With one there is nothing to draw."""
        if len(self.sources) == 1:
            return 0
        ends = np.cumsum(self.odds)
        return int(np.searchsorted(ends[:-1], rng.random() * ends[-1], side="right"))


def training_stream(config: RunConfig, split: Split) -> ClipStream:
    """All clips of a run: of the videos of `split`, and as many pseudo-videos among them as configured.

    Raises UserError when there is nothing to learn from, or the images of the pseudo-videos cannot be read.
    """
    schedule, mixed_in = config.train, config.pseudo_videos
    length = schedule.iterations * schedule.clips_per_batch
    videos = VideoClips(
        split,
        clip_frames=schedule.clip_frames,
        frame_range=schedule.frame_range,
        augmentation=schedule.augmentation,
    )
    if mixed_in is None:
        return ClipStream([videos], [1.0], length, config.seed)
    names = config.dataset.category_map.get(mixed_in.dataset.name)
    images = map_categories(read_part(mixed_in.dataset, "train"), names, split, mixed_in.dataset.name)
    pseudo = PseudoVideoClips(images, clip_frames=schedule.clip_frames, augmentation=mixed_in.augmentation)
    return ClipStream([pseudo, videos], [mixed_in.ratio, 1.0], length, config.seed)
