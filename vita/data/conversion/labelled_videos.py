"""What any reader of another format gives: videos, categories, and tracks of masks.

Legend: T frames of a video.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field

from vita.core.contract import Rle, UserError
from vita.data.masks import rle


@dataclass(frozen=True)
class LabelledVideo:
    """One video. frames: names of its T frames below the folder of frames; height, width: of each, in pixels."""

    id: int
    name: str
    frames: tuple[str, ...]
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class Track:
    """One object. video, category: their ids; masks: by frame, only where it is seen."""

    video: int
    category: int
    masks: dict[int, Rle]
    is_crowd: bool = False


@dataclass(frozen=True, eq=False)
class LabelledVideos:
    """All that is written to a YouTube-VIS file. categories: names by id.

    left_out: what the source has and the file will not have, in words, with how often.
    """

    videos: tuple[LabelledVideo, ...]
    categories: dict[int, str]
    tracks: tuple[Track, ...]
    left_out: Counter[str] = field(default_factory=Counter)

    def summary(self) -> str:
        """What there is, and what was left out, on one line."""
        frames, masks = sum(len(video.frames) for video in self.videos), sum(len(one.masks) for one in self.tracks)
        amounts = f"{len(self.videos):,} videos, {frames:,} frames, {len(self.tracks):,} objects, {masks:,} masks"
        left_out = "; ".join(f"{count:,} {what}" for what, count in self.left_out.items() if count)
        return f"{amounts}, {len(self.categories):,} categories" + (f"; left out: {left_out}" if left_out else "")


class TrackCollector:
    """Puts the masks of a source together to tracks: the parts of an object in one frame are one mask."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self._found: dict[tuple[int, Hashable], _Found] = {}

    def add(
        self,
        video: int,
        identity: Hashable,
        category: int,
        frame: int,
        mask: Rle,
        where: str,
        is_crowd: bool = False,
    ) -> None:
        """One mask of the object `identity` of a video. where: its place in the source, for messages.

        Raises UserError when the object had another category before.
        """
        found = self._found.setdefault((video, identity), _Found(category, where, is_crowd))
        if (found.category, found.is_crowd) != (category, is_crowd):
            raise UserError(
                f"{where}: the object {identity!r} has another category (or `iscrowd`) here than in {found.where}; "
                "an object has one: correct one of them, or give two objects two identities"
            )
        found.parts.setdefault(frame, []).append(mask)

    def tracks(self) -> tuple[Track, ...]:
        """All objects with a pixel, video by video in the order in which they were met."""
        tracks = []
        for (video, _), found in sorted(self._found.items(), key=lambda item: item[0][0]):
            masks = {frame: rle.union(parts) for frame, parts in sorted(found.parts.items())}
            seen = [bool(area) for area in rle.areas(list(masks.values()))]
            self.left_out["masks without a pixel"] += seen.count(False)
            if any(seen):
                kept = {frame: mask for (frame, mask), one in zip(masks.items(), seen, strict=True) if one}
                tracks.append(Track(video, found.category, kept, found.is_crowd))
        return tuple(tracks)


@dataclass
class _Found:
    category: int
    where: str
    is_crowd: bool
    parts: dict[int, list[Rle]] = field(default_factory=dict)
