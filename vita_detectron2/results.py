"""Outputs of VIS models on detectron2 as entries of a YouTube-VIS results file.

Legend: N tracks, T frames, H W pixels of the stored frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask


def results_of(
    video_id: int, output: Mapping[str, Any], category_ids: Mapping[int, int] | None
) -> list[dict[str, Any]]:
    """The tracks that a model found in one video.

    output: `pred_scores` and `pred_labels`, N numbers each, and `pred_masks`, N of (T, H, W), true where the object is.
    category_ids: the data set's category by label; None where labels are categories. Raises ValueError naming what is
    missing or does not fit.
    """
    missing = [key for key in ("pred_scores", "pred_labels", "pred_masks") if key not in output]
    if missing:
        raise ValueError(
            f"video {video_id}: the model's output has no '{missing[0]}', but {', '.join(sorted(output))}; outputs of "
            "video instance segmentation are scored: pred_scores, pred_labels and pred_masks"
        )
    scores, labels, masks = output["pred_scores"], output["pred_labels"], output["pred_masks"]
    if not len(scores) == len(labels) == len(masks):
        raise ValueError(
            f"video {video_id}: {len(scores)} pred_scores, {len(labels)} pred_labels and {len(masks)} pred_masks; a "
            "track has one of each"
        )
    return [
        {
            "video_id": int(video_id),
            "score": float(score),
            "category_id": _category(int(label), category_ids, video_id),
            "segmentations": encode(mask),
        }
        for score, label, mask in zip(scores, labels, masks)  # noqa: B905  # as many of each, see above
    ]


def encode(masks: Any) -> list[dict[str, Any]]:
    """Masks (T, H, W) of one track, a tensor or array, as compressed run-length codes, one a frame."""
    frames = np.asarray(masks.cpu() if hasattr(masks, "cpu") else masks)
    codes: Sequence[Any] = coco_mask.encode(np.asfortranarray(frames.transpose(1, 2, 0).astype(np.uint8)))
    return [{"size": list(code["size"]), "counts": code["counts"].decode("ascii")} for code in codes]


def _category(label: int, category_ids: Mapping[int, int] | None, video_id: int) -> int:
    if category_ids is None:
        return label
    if label not in category_ids:
        raise ValueError(
            f"video {video_id}: the model says class {label}, but the data set has the {len(category_ids)} classes 0 "
            f"to {len(category_ids) - 1}; was it trained on another one?"
        )
    return category_ids[label]
