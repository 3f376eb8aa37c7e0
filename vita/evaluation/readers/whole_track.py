"""Tracks that leave the house: every mask checked, in the one form that other readers take."""

from __future__ import annotations

from typing import Any

from vita.core.contract import Rle, UserError
from vita.data.masks.encoded_masks import CodedMasks
from vita.data.masks.rle import is_absent, normalise
from vita.evaluation.readers.ground_truth import VideoSize


def whole_track(segmentations: Any, size: VideoSize, source: str) -> list[Rle | None]:
    """The masks of a `segmentations` list as files write them: a compressed code or null a frame, each checked whole.

    Raises UserError where there are more or fewer than the video has frames, and on a mask of another size or damaged.
    """
    if isinstance(segmentations, CodedMasks):
        segmentations = segmentations.segmentations()
    if not isinstance(segmentations, list) or len(segmentations) != size.length:
        found = len(segmentations) if isinstance(segmentations, list) else type(segmentations).__name__
        raise UserError(f"{source}: `segmentations` must be a list of {size.length}, one a frame, not {found}")
    masks: list[Rle | None] = []
    for frame, segmentation in enumerate(segmentations):
        try:
            masks.append(None if is_absent(segmentation) else normalise(segmentation, size.height, size.width))
        except (ValueError, TypeError) as error:
            raise UserError(f"{source}, frame {frame} (counted from 0): {error}") from None
    return masks
