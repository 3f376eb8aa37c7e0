"""Pseudo-videos: clips made of one image, each frame of which sees it through another window or at another angle.

Any data set may be the source; of a video, one frame is taken for an image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vita.core.contract import UserError
from vita.data.sampling.clips import VideoClips
from vita.data.ytvis import Instance, Split


class PseudoVideoClips(VideoClips):
    """Clips of the images of a split, each image as likely as any other."""

    nothing = "pseudo-videos: no image has an object of a category that the training videos know"

    def draw_frames(self, video_frames: int, rng: np.random.Generator) -> tuple[int, ...]:
        """One frame, for all of the clip."""
        return (int(rng.integers(video_frames)),) * self._clip_frames


def map_categories(images: Split, names: Mapping[str, str] | None, videos: Split, source: str) -> Split:
    """The images with the categories of the videos; objects without a counterpart are left out.

    names: category of the images -> category of the videos; None: by equal names. `source` is the images' data set,
    for messages. Raises UserError when a name is in neither data set, or nothing is left.
    """
    pairs = names if names is not None else {name: name for name in images.category_names}
    for name in names or {}:
        if name not in images.category_names:
            raise UserError(f"category_map.{source}: '{name}' is no category of {source}: {_some(images)}")
    for name in (names or {}).values():
        if name not in videos.category_names:
            raise UserError(f"category_map.{source}: '{name}' is no category of the training videos: {_some(videos)}")
    theirs = {name: label for label, name in enumerate(videos.category_names)}
    labels = {
        label: theirs[pairs[name]]
        for label, name in enumerate(images.category_names)
        if name in pairs and pairs[name] in theirs
    }
    if not labels:
        raise UserError(
            f"no category of {source} has a counterpart among the training videos'; set category_map.{source}"
        )
    return replace(
        images,
        instances=Relabelled(images.instances, labels),
        category_ids=videos.category_ids,
        category_names=videos.category_names,
    )


def _some(split: Split) -> str:
    return f"it has {', '.join(split.category_names[:5])}{', ...' if len(split.category_names) > 5 else ''}"


@dataclass(frozen=True)
class Relabelled(Sequence[tuple[Instance, ...]]):
    """Instances with other labels, made when asked for: those of all images at once would take much memory.

    labels: old -> new; instances of other labels are left out.
    """

    instances: Sequence[tuple[Instance, ...]]
    labels: Mapping[int, int]

    def __len__(self) -> int:
        return len(self.instances)

    def __getitem__(self, place: Any) -> Any:
        """The objects of one image, (Instance, ...)."""
        found = self.instances[place]
        return tuple(replace(one, label=self.labels[one.label]) for one in found if one.label in self.labels)
