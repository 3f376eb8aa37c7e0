"""Per-video, per-category counts: all that average precision needs, so that a bootstrap re-runs nothing.

Legend: D detections of one (video, category), T IoU thresholds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vita.core.contract import UserError
from vita.core.grouping import grouped
from vita.data.value_limits import is_id

Floats = NDArray[np.float64]
Int64s = NDArray[np.int64]
Flags = NDArray[np.bool_]

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)

# Of one detection at one IoU threshold, as the metrics file writes it.
_WRONG, _RIGHT, _IGNORED = "0", "1", "i"
_OUTCOMES = np.array([_WRONG, _RIGHT, _IGNORED])


@dataclass(frozen=True)
class GroupCounts:
    """One (video, category) at one area range.

    ground_truth: number of objects to be found.  scores: (D,) descending.  matched: (T, D) has a ground-truth track.
    ignored: (T, D) counts neither as right nor as wrong.
    """

    video_id: int
    category_id: int
    ground_truth: int
    scores: Floats
    matched: Flags
    ignored: Flags

    def to_json(self) -> dict[str, Any]:
        """`outcomes` has a word per detection, a letter per IoU threshold: 1 right, 0 wrong, i ignored."""
        letters = _OUTCOMES[np.where(self.ignored, 2, self.matched.astype(np.int64))]
        return {
            "video_id": self.video_id,
            "category_id": self.category_id,
            "ground_truth": self.ground_truth,
            "scores": self.scores.tolist(),
            "outcomes": ["".join(column) for column in letters.T],
        }

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> GroupCounts:
        """The inverse of `to_json`, up to whether an ignored detection was matched, which no score depends on."""
        words, whole = entry["outcomes"], (entry["video_id"], entry["category_id"], entry["ground_truth"])
        if not all(map(is_id, whole)) or entry["ground_truth"] < 0 or set("".join(words)) - {*_OUTCOMES}:
            raise ValueError("ids and numbers of objects are whole, outcomes are 0, 1 or i")
        if any(len(word) != len(IOU_THRESHOLDS) for word in words):
            raise ValueError("an outcome of a detection for each IoU threshold")
        letters = np.array([list(word) for word in words]).T if words else np.empty((0, 0), str)
        scores = np.array(entry["scores"], np.float64)
        if scores.shape != (len(words),) or not np.isfinite(scores).all():
            raise ValueError("a score for each detection, and no other")
        matched, ignored = letters == _RIGHT, letters == _IGNORED
        return cls(*whole, scores, matched, ignored)


@dataclass(frozen=True)
class Counts:
    """All evaluated videos and categories, ascending, and the groups that have ground truth or detections."""

    video_ids: tuple[int, ...]
    category_ids: tuple[int, ...]
    groups: tuple[GroupCounts, ...]

    def with_objects(self) -> dict[int, list[GroupCounts]]:
        """The groups of each category that has an object to be found, ascending by id: no other changes a score."""
        found = grouped(self.groups, lambda group: group.category_id)
        return {key: found[key] for key in sorted(found) if any(group.ground_truth for group in found[key])}

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        groups = [group.to_json() for group in self.groups]
        return {"video_ids": list(self.video_ids), "category_ids": list(self.category_ids), "groups": groups}

    @classmethod
    def from_json(cls, entry: Any) -> Counts:
        """Read the `counts` of a metrics file. Raises UserError when they are not what `to_json` writes."""
        try:
            groups = tuple(GroupCounts.from_json(group) for group in entry["groups"])
            videos, categories = entry["video_ids"], entry["category_ids"]
            if not all(map(is_id, [*videos, *categories])):
                raise ValueError("ids of videos and categories are whole")
            if not {group.video_id for group in groups} <= {*videos} or not {group.category_id for group in groups} <= {
                *categories
            }:
                raise ValueError("a group of a video or category that is not listed")
            return cls(tuple(videos), tuple(categories), groups)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UserError(f"the counts of this metrics file cannot be read ({error!r}); evaluate again") from None
