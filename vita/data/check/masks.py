"""Masks of a file: their codes, and the boxes and areas that are listed beside them.

Legend: T frames of a video, M of them with a mask, P corners of polygons. Boxes are [x, y, width, height] in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from vita.core.contract import Rle
from vita.core.progress import progress
from vita.data.annotations.findings import Findings, Kind
from vita.data.annotations.reader import read_codes
from vita.data.check.entries import ListedObject
from vita.data.masks.rle import areas as areas_of
from vita.data.masks.rle import short
from vita.data.value_limits import is_number

Codes = dict[int, Rle]  # sound masks by frame


@dataclass(frozen=True)
class CheckedMasks:
    """count: of all masks; learnable: ids of the videos with a mask that has a pixel and is not of a crowd."""

    count: int
    learnable: frozenset[int]


def check_masks(objects: Sequence[ListedObject], findings: Findings) -> CheckedMasks:
    """Check the masks of these objects."""
    seen: dict[tuple[int, bytes], ListedObject] = {}
    count, learnable = 0, set()
    with progress(len(objects), "masks of objects") as bar:
        for entry in objects:
            count += sum(segmentation is not None for segmentation in entry.segmentations)
            if entry.video.size is not None:
                codes = read_codes(entry.where, entry.segmentations, entry.video.size, findings)
                if _check_listed(entry, codes, findings):
                    _check_duplicate(entry, codes, seen, findings)
                    if not entry.is_crowd:
                        learnable.add(entry.video.id)
            bar.update()
    return CheckedMasks(count, frozenset(learnable))


def _check_listed(entry: ListedObject, codes: Codes, findings: Findings) -> bool:
    """Hold what is listed against the masks, frame by frame. Returns whether the object is visible.

    A mask that cannot be read is told of already.
    """
    areas, boxes = _measured(codes)
    for t, segmentation in enumerate(entry.segmentations):
        where = f"{entry.where}, frame {t}"
        if segmentation is not None and t not in codes:
            continue
        area, box = areas.get(t, 0), boxes.get(t, [0.0] * 4)
        if t in codes and not area:
            findings.add(Kind.MASK_EMPTY, where, "a mask without a pixel")
        outline = segmentation if isinstance(segmentation, list) else None
        if entry.areas is not None and (fault := _fault_of_area(entry.areas[t], area, box, outline is not None)):
            findings.add(Kind.AREA, where, fault)
        if entry.boxes is not None and (fault := _fault_of_box(entry.boxes[t], box, outline)):
            findings.add(Kind.BOX, where, fault)
    visible = any(areas.values())
    if not visible and len(codes) == sum(mask is not None for mask in entry.segmentations):
        findings.add(Kind.NEVER_VISIBLE, entry.where, f"no mask in any of {len(entry.segmentations)} frames")
    return visible


def _measured(codes: Codes) -> tuple[dict[int, int], dict[int, list[float]]]:
    """Areas and boxes of the masks, by frame."""
    if not codes:
        return {}, {}
    masks = list(codes.values())
    areas, boxes = areas_of(masks).tolist(), coco_mask.toBbox(masks).tolist()
    return dict(zip(codes, areas, strict=True)), dict(zip(codes, boxes, strict=True))


def _fault_of_area(listed: Any, area: int, box: list[float], polygon: bool) -> str | None:
    """Files round, and list for polygons the area within the outline, so a share of the edge is allowed."""
    if listed is None:
        return f"no area is listed for a mask of {area} pixels" if area else None
    if not is_number(listed) or listed < 0:
        return f"an area must be a number of pixels, found {short(listed)}"
    edge = box[2] + box[3]
    allowed = 0.05 * area + edge if polygon else 0.02 * area + edge / 4
    return f"listed {short(listed)}, the mask has {area} pixels" if abs(listed - area) > allowed else None


def _fault_of_box(listed: Any, box: list[float], outline: list[Any] | None) -> str | None:
    """For polygons the box may also be that of the corners: thin parts of them cover no pixel."""
    if listed is None or listed == []:
        return f"no box is listed, the mask's is {_shown(box)}" if any(box) else None
    if not isinstance(listed, list) or len(listed) != 4 or not all(is_number(side) for side in listed):
        return f"a box must be four numbers, found {short(listed)}"
    candidates = [box] if outline is None else [box, _box_of(outline)]
    if any(_is_near(listed, candidate) for candidate in candidates):
        return None
    return f"listed {short(listed)}, the mask's is {_shown(box)} (x, y, width, height)"


def _is_near(listed: list[float], box: list[float]) -> bool:
    """Each edge to 2 pixels or a hundredth of the box, whichever is more."""
    allowed = [max(2.0, 0.01 * side) for side in box[2:]] * 2
    edges = [[b[0], b[1], b[0] + b[2], b[1] + b[3]] for b in (listed, box)]
    return all(abs(one - other) <= most for one, other, most in zip(*edges, allowed, strict=True))


def _box_of(polygons: list[list[float]]) -> list[float]:
    corners = np.concatenate([np.asarray(polygon, float).reshape(-1, 2) for polygon in polygons])  # (P, 2)
    least = corners.min(axis=0)
    return [*least.tolist(), *(corners.max(axis=0) - least).tolist()]


def _shown(box: list[float]) -> str:
    return f"[{', '.join(f'{side:g}' for side in box)}]"


def _check_duplicate(
    entry: ListedObject, codes: Codes, seen: dict[tuple[int, bytes], ListedObject], findings: Findings
) -> None:
    """Whether an earlier object of the video has the same masks in the same frames. Digests, as codes fill memory."""
    digest = blake2b(digest_size=16)
    for t, code in codes.items():
        digest.update(f"{t}:{code['counts']} ".encode())
    first = seen.setdefault((entry.video.id, digest.digest()), entry)
    if first is not entry:
        findings.add(Kind.DUPLICATE_OBJECT, entry.where, f"its masks are those of annotation {first.id}")
