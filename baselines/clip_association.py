"""Clip association around any method; mask IoU joins the tracks of short clips (paper, section 4.4).

The paper says that a video is split into clips of 36 or 48 frames, that predictions of different clips are associated
with the mask IoU as matching cost, and that the matching is greedy or Hungarian. What it leaves open is chosen here:

- Clips follow each other without overlap; `overlap` makes neighbours share frames. The last clip is cut short.
- The IoU of two tracks is that of their tubes over the shared frames; without overlap, that of the last mask of the
  earlier track and the first mask of the later one.
- Only tracks of one class are joined, and only if their IoU is above `min_iou`.
- A track that finds no partner ends; one that no earlier track claims begins. Nothing is found again after a gap.
- On shared frames the earlier clip's masks stay. Frames without a clip of the track have an empty mask.
- The score is the mean over all clips, weighted by their frames; a clip without the track counts 0, so that fragments
  rank below whole tracks. The best `top_k` are kept.

Legend: T frames, N tracks of a video so far, M tracks of the next clip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import Field, NonNegativeInt, PositiveInt
from scipy.optimize import linear_sum_assignment

from vita.core.config_base import Frozen, parse
from vita.core.contract import EncodedVideo, FrameSource, MethodDefinition, Rle, Track, UserError
from vita.core.grouping import grouped
from vita.data.masks.rle import encode
from vita.evaluation.readers.mask_tracks import MaskTrack
from vita.evaluation.tube_iou import Tubes

Matching = Literal["greedy", "hungarian"]


class ClipOptions(Frozen):
    """Options of one inference variant; `each` are the method's own, for every clip."""

    clip_frames: PositiveInt
    matching: Matching
    overlap: NonNegativeInt = 0  # frames that neighbouring clips share
    min_iou: float = Field(0.0, ge=0.0, lt=1.0)
    each: dict[str, Any] = Field({})


@dataclass(frozen=True)
class ClipVariant:
    """One way of splitting and joining, with the method's own inference variant."""

    options: ClipOptions
    each: Any


@dataclass
class JoinedTrack:
    """A track in the making. masks: one a frame from the first frame of the video on, "" where there is none."""

    label: int
    masks: list[str]
    weighted_score: float = 0.0  # sum over its clips of score x frames

    def extend(self, track: Track, start: int) -> None:
        """Join a clip's track that begins at frame `start` of the video; masks that are there stay."""
        codes = [code["counts"] for code in track.segmentations]
        self.masks += codes[len(self.masks) - start :]
        self.weighted_score += track.score * len(codes)

    def finished(self, frames: int, clip_frames: int, empty: Rle) -> Track:
        """The track of a video of T frames whose clips have `clip_frames` frames together."""
        counts = [*self.masks, *[""] * (frames - len(self.masks))]
        codes = [Rle(size=empty["size"], counts=one or empty["counts"]) for one in counts]
        return Track(self.label, self.weighted_score / clip_frames, codes)


@dataclass
class Association:
    """Tracks of one video, joined clip by clip."""

    options: ClipOptions
    height: int
    width: int
    ended: list[JoinedTrack] = field(default_factory=list)
    current: list[JoinedTrack] = field(default_factory=list)
    clip_frames: int = 0  # of all clips together

    def add(self, tracks: list[Track], start: int, stop: int) -> None:
        """The next clip's tracks; the clip is [start, stop)."""
        self.clip_frames += stop - start
        earlier = self.current
        partners = dict(match(self._similarity(tracks, start), self.options.matching, self.options.min_iou))
        for number, track in enumerate(tracks):
            if number not in partners:
                earlier = [*earlier, JoinedTrack(track.label, [""] * start)]
                partners[number] = len(earlier) - 1
            earlier[partners[number]].extend(track, start)
        claimed = set(partners.values())
        self.ended += [track for number, track in enumerate(earlier) if number not in claimed]
        self.current = [earlier[partners[number]] for number in range(len(tracks))]

    def _similarity(self, tracks: list[Track], start: int) -> np.ndarray:
        """IoU of the tracks so far with the next clip's, (N, M); 0 for tracks of different classes."""
        count = self.options.overlap
        left = [MaskTrack(t.masks[start:] if count else t.masks[-1:], "earlier clip") for t in self.current]
        right = [MaskTrack([code["counts"] for code in t.segmentations[: max(count, 1)]], "later clip") for t in tracks]
        if not left or not right:
            return np.zeros((len(left), len(right)))
        tubes = Tubes([*left, *right], self.height, self.width)
        numbers = np.arange(len(left) + len(right))
        ious = tubes.ious(numbers[: len(left)], numbers[len(left) :])
        same = np.array([t.label for t in self.current])[:, None] == np.array([t.label for t in tracks])[None]
        return np.where(same, ious, 0.0)

    def tracks(self, frames: int, top_k: int) -> list[Track]:
        """The best tracks of the whole video of T frames."""
        empty = encode(np.zeros((1, self.height, self.width), bool))[0]
        best = sorted([*self.ended, *self.current], key=lambda track: -track.weighted_score)[:top_k]
        return [track.finished(frames, self.clip_frames, empty) for track in best]


def match(similarity: np.ndarray, matching: Matching, above: float) -> Iterator[tuple[int, int]]:
    """Pairs (number of the later track, number of the earlier one) with similarity (N, M) greater than `above`.

    "greedy" takes the most similar pair first; "hungarian" the pairs with the greatest sum.
    """
    if matching == "hungarian":
        rows, columns = linear_sum_assignment(similarity, maximize=True)
    else:
        rows, columns = _greedy(similarity)
    for row, column in zip(rows, columns, strict=True):
        if similarity[row, column] > above:
            yield int(column), int(row)


def _greedy(similarity: np.ndarray) -> tuple[list[int], list[int]]:
    rows: list[int] = []
    columns: list[int] = []
    for flat in np.argsort(-similarity, axis=None, kind="stable"):
        row, column = divmod(int(flat), similarity.shape[1])
        if row not in rows and column not in columns:
            rows.append(row)
            columns.append(column)
    return rows, columns


def clip_bounds(frames: int, clip_frames: int, overlap: int) -> list[tuple[int, int]]:
    """The clips [start, stop) of a video; each begins `overlap` frames before the end of the one before."""
    starts = range(0, max(frames - overlap, 1), clip_frames - overlap)
    return [(start, min(start + clip_frames, frames)) for start in starts]


class ClipAssociation:
    """The entry point `clip_association` of the group `vita.inference_wrappers`."""

    def read_variant(self, options: Mapping[str, Any], definition: MethodDefinition) -> ClipVariant:
        """An inference variant. Raises UserError naming an unknown or impossible option."""
        parsed = parse(ClipOptions, dict(options), "inference options through clip_association")
        if parsed.overlap >= parsed.clip_frames:
            raise UserError(
                f"inference options through clip_association: overlap is {parsed.overlap}; it must be below "
                f"clip_frames, {parsed.clip_frames}"
            )
        return ClipVariant(parsed, definition.read_variant(parsed.each))

    def predict(
        self, video: EncodedVideo, frames: FrameSource, variants: Mapping[str, ClipVariant], top_k: int
    ) -> dict[str, list[Track]]:
        """Tracks under each variant; variants with the same clips share the method's predictions of them."""
        joined = {n: Association(v.options, frames.out_height, frames.out_width) for n, v in variants.items()}
        asked = {name: variant.options for name, variant in variants.items()}
        by_clips = grouped(asked, lambda name: (asked[name].clip_frames, asked[name].overlap))
        for (length, overlap), names in by_clips.items():
            for start, stop in clip_bounds(len(frames), length, overlap):
                each = {name: variants[name].each for name in names}
                found = video.predict(start, stop, each).tracks
                for name in names:
                    joined[name].add(list(found[name]), start, stop)
        return {name: association.tracks(len(frames), top_k) for name, association in joined.items()}


wrapper = ClipAssociation()
