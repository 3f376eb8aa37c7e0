"""Two methods on simulated videos, as counts: no masks, so that thousands of data sets take seconds.

An object of a video is covered with an IoU drawn around a level of its video and its own; the first method's IoU is
`gain` higher throughout. Scores follow the IoU loosely; wrong detections are strewn in.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vita.evaluation.counts import IOU_THRESHOLDS, Counts, GroupCounts

Rng = np.random.Generator
Video = tuple[list[GroupCounts], list[GroupCounts]]  # groups of the first and of the second method


def population(videos: int, categories: int, gain: float, random: Rng) -> list[Video]:
    """Videos of one to three objects, low categories more often."""
    return [_video(categories, gain, random) for _ in range(videos)]


def data_set(pool: Sequence[Video], chosen: Sequence[int], categories: int) -> tuple[Counts, Counts]:
    """The chosen videos of the pool, numbered anew, as each method sees them."""
    return _counts(pool, chosen, categories, 0), _counts(pool, chosen, categories, 1)


def _counts(pool: Sequence[Video], chosen: Sequence[int], categories: int, method: int) -> Counts:
    groups = [replace(group, video_id=number) for number, key in enumerate(chosen) for group in pool[key][method]]
    return Counts(tuple(range(len(chosen))), tuple(range(categories)), tuple(groups))


def _video(categories: int, gain: float, random: Rng) -> Video:
    shares = 1 / np.arange(1, categories + 1) ** 0.7
    objects = random.choice(categories, random.integers(1, 4), p=shares / shares.sum())
    level = 0.72 + random.normal(0, 0.2)
    found: Video = ([], [])
    for category in np.unique(objects):
        quality = level + random.normal(0, 0.15, np.count_nonzero(objects == category))
        for method, shift in enumerate((gain, 0.0)):
            ious = np.clip(quality + shift + random.normal(0, 0.05, len(quality)), 0, 1)
            found[method].append(_group(int(category), ious, random))
    return found


def _group(category: int, ious: np.ndarray, random: Rng) -> GroupCounts:
    wrong = random.poisson(0.6)
    scores = np.concatenate([0.5 * ious + 0.3 * random.random(len(ious)) + 0.2, 0.8 * random.random(wrong)])
    matched = np.concatenate([ious >= IOU_THRESHOLDS[:, None], np.zeros((len(IOU_THRESHOLDS), wrong), bool)], axis=1)
    order = np.argsort(-scores)
    return GroupCounts(0, category, len(ious), scores[order], matched[:, order], np.zeros_like(matched))
