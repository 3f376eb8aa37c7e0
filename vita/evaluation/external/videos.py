"""Whether a results file is of the videos of a data set: ids and lengths, before any mask is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vita.core.contract import UserError
from vita.data.masks.encoded_masks import CodedMasks
from vita.data.masks.rle import short
from vita.data.value_limits import finite_number
from vita.evaluation.readers.ground_truth import VideoSize
from vita.evaluation.readers.results_file import ids_of


@dataclass(frozen=True)
class Head:
    """A track without its masks. frames: how many masks, or nulls, its list has."""

    number: int
    video_id: int
    category_id: int
    frames: int


def read_heads(entries: Iterable[Any], source: str) -> list[Head]:
    """Of all tracks of a results file, in its order. Raises UserError naming the first that lacks something."""
    heads = []
    for number, entry in enumerate(entries):
        where = f"{source}: prediction {number}"
        video_id, category_id = ids_of(entry, where)
        finite_number(entry, "score", where)
        masks = entry.get("segmentations")
        if not isinstance(masks, list | CodedMasks):
            raise UserError(f"{where}: `segmentations` must be a list with one mask (or null) a frame")
        heads.append(Head(number, video_id, category_id, len(masks)))
    if not heads:
        raise UserError(f"{source}: no track at all; is it the file that the other code wrote last?")
    return heads


def check_videos(heads: Sequence[Head], videos: Mapping[int, VideoSize], shift: int, source: str) -> None:
    """Raises UserError where a track is of no video, or has another length than its video.

    shift: added to the ids of the file. A shift of ids that would mend everything is told, and never made unasked.
    """
    unknown = [head for head in heads if head.video_id + shift not in videos]
    uneven = [head for head in heads if (size := videos.get(head.video_id + shift)) and size.length != head.frames]
    if not unknown and not uneven:
        return
    hint = _hint(heads, videos, shift)
    if unknown:
        first, ids = unknown[0], {head.video_id for head in unknown}
        raise UserError(
            f"{source}: prediction {first.number}: video {short(first.video_id + shift)} is not in the data set, which "
            f"has {len(videos)} videos, ids {min(videos)} to {max(videos)}; so it is with {len(ids)} of the file's "
            f"{len({head.video_id for head in heads})} videos; {hint}"
        )
    first = uneven[0]
    raise UserError(
        f"{source}: prediction {first.number}: {first.frames} masks for video {first.video_id + shift}, which has "
        f"{videos[first.video_id + shift].length} frames; so it is with {len(uneven)} of {len(heads)} tracks; {hint}"
    )


def _hint(heads: Sequence[Head], videos: Mapping[int, VideoSize], shift: int) -> str:
    lowest = min(videos) - min(head.video_id for head in heads)
    for other in dict.fromkeys((shift + 1, shift - 1, lowest)):
        sizes = [videos.get(head.video_id + other) for head in heads]
        if all(size and size.length == head.frames for size, head in zip(sizes, heads, strict=True)):
            return (
                f"all ids and lengths would fit if {other} were added to each id (the file's begin at "
                f"{min(head.video_id for head in heads)}); ids are never shifted unasked: say --video-id-shift {other}"
            )
    return "is it of another data set, or of another part of it?"
