"""The main scores under one weighting of the videos, as they are defined: what the compiled code must agree with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vita.core.grouping import grouped
from vita.evaluation.average_precision import MAX_DETECTIONS, mean_of_valid, merge_groups, precision_and_recall
from vita.evaluation.counts import Counts
from vita.evaluation.main_scores import MainScores

AP75 = 5  # among the thresholds 0.5, 0.55, ...


class Resampler:
    """The main scores of any weighting of the videos, from kept counts."""

    def __init__(self, counts: Counts) -> None:
        self._video_ids = counts.video_ids
        found = grouped(counts.groups, lambda group: group.category_id)
        self._categories = [merge_groups(found.get(key, []), counts.video_ids) for key in counts.category_ids]

    def scores(self, weights: Mapping[int, float] | None = None) -> MainScores:
        """Scores with each video counted `weights[id]` times (absent: not at all); None counts each once.

        A whole-number weight equals that many copies of the video in the data.
        """
        unknown = set(weights or ()) - set(self._video_ids)
        if unknown:
            raise ValueError(f"weights of videos that were not evaluated: {sorted(unknown)}")
        per_video = np.array([1.0 if weights is None else weights.get(key, 0.0) for key in self._video_ids])
        curves = [[precision_and_recall(c, m, per_video) for m in MAX_DETECTIONS] for c in self._categories]
        precision = np.stack([at_limits[-1][0] for at_limits in curves], axis=-1)
        ap, ap50, ap75 = (mean_of_valid(precision[chosen]) for chosen in (slice(None), 0, AP75))
        ar1, ar10 = (mean_of_valid(np.stack([at[limit][1] for at in curves], axis=-1)) for limit in (0, 1))
        return MainScores(ap, ap50, ap75, ar1, ar10)


def scores_from_counts(counts: Counts, weights: Mapping[int, float] | None = None) -> MainScores:
    """AP, AP50, AP75, AR1 and AR10 (all areas) from kept counts; see `Resampler.scores`."""
    return Resampler(counts).scores(weights)
