"""One object's masks through a video, as the two JSON files give them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vita.core.contract import UserError
from vita.data.masks.encoded_masks import CodedMasks
from vita.data.masks.rle import is_absent, normalise


@dataclass(frozen=True)
class MaskTrack:
    """Compressed run-length codes of one object, one a frame; "" where the object has no mask.

    source: where the track was read (file and entry), for messages.
    """

    masks: Sequence[str]
    source: str


def read_mask_track(segmentations: Any, height: int, width: int, source: str) -> MaskTrack:
    """Read a `segmentations` list: null, compressed or uncompressed codes, or polygons, one entry a frame.

    Also the `CodedMasks` that a file was read into. height, width: of the video, in pixels. The characters of a
    compressed code are checked when it is decoded. Raises UserError on anything else, and on a mask of another size
    than the video.
    """
    if isinstance(segmentations, CodedMasks):
        if segmentations.size in (None, (height, width)):
            return MaskTrack(segmentations, source)
        segmentations = segmentations.segmentations()
    if not isinstance(segmentations, list):
        raise UserError(f"{source}: `segmentations` must be a list with one mask (or null) a frame")
    masks = []
    for frame, segmentation in enumerate(segmentations):
        try:
            masks.append("" if is_absent(segmentation) else read_counts(segmentation, height, width))
        except ValueError as error:
            raise UserError(f"{source}, frame {frame} (counted from 0): {error}; export this mask again") from None
    return MaskTrack(masks, source)


def read_counts(segmentation: Any, height: int, width: int) -> str:
    """The compressed code of a mask of this size, in pixels; its characters are checked when it is decoded.

    Raises ValueError saying what is wrong.
    """
    # The common case first: tens of thousands of compressed codes come this way.
    if type(segmentation) is dict and segmentation.get("size") == [height, width]:
        counts = segmentation.get("counts")
        if type(counts) is str and counts and counts.isascii():
            return counts
    return normalise(segmentation, height, width)["counts"]
