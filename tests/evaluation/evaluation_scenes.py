"""Small ground-truth and prediction files, made by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask


def code(mask: Any) -> dict[str, Any]:
    """Compressed code of an (H, W) mask of zeros and ones."""
    found = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {"size": list(found["size"]), "counts": found["counts"].decode()}


def codes(masks: Sequence[Any]) -> list[dict[str, Any] | None]:
    """One code a frame; None stays null."""
    return [None if mask is None else code(mask) for mask in masks]


def video(identity: int = 1, height: int = 2, width: int = 4, length: int = 2) -> dict[str, Any]:
    return {"id": identity, "height": height, "width": width, "length": length}


def annotation(identity: int, segmentations: list[Any], **changes: Any) -> dict[str, Any]:
    return {"id": identity, "video_id": 1, "category_id": 1, "iscrowd": 0, "segmentations": segmentations, **changes}


def prediction(segmentations: list[Any], score: float = 0.5, **changes: Any) -> dict[str, Any]:
    return {"video_id": 1, "category_id": 1, "score": score, "segmentations": segmentations, **changes}


def ground_truth(
    annotations: list[dict[str, Any]], videos: list[dict[str, Any]] | None = None, categories: Sequence[int] = (1,)
) -> dict[str, Any]:
    named = [{"id": key, "name": f"category {key}"} for key in categories]
    return {"videos": videos or [video()], "categories": named, "annotations": annotations}


def strip(width: int, columns: int) -> np.ndarray:
    """(1, width) mask with the first `columns` pixels set."""
    return (np.arange(width) < columns)[None].astype(np.uint8)
