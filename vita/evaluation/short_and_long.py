"""The scores of YouTube-VIS 2022: of its short videos, of its long ones, and the mean of the two.

The long videos are named by their ids, or come as ground truth of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from vita.core.contract import UserError
from vita.core.files import read_json
from vita.core.further_scores import LengthScore
from vita.core.records import FurtherValue
from vita.evaluation.average_precision import NO_GROUND_TRUTH, scores_json
from vita.evaluation.bootstrap import (
    FEWEST_VIDEOS,
    Interval,
    bootstrap,
    further_value,
    reflected,
    resampled_scores,
    videos_with_objects,
)
from vita.evaluation.counts import Counts
from vita.evaluation.main_scores import SCORE_NAMES, MainScores
from vita.evaluation.readers.detections import Detection, read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.scoring import evaluate_detections, scores_of_counts


@dataclass(frozen=True)
class LongVideos:
    """Their ids. truth: their ground truth; None where that of all videos holds them.

    predictions: their results file; None where that of the short videos holds their tracks too.
    """

    ids: frozenset[int]
    truth: GroundTruth | None
    predictions: Path | None

    def known(self, short: GroundTruth) -> GroundTruth:
        """Ground truth of all videos that the short ones' results file may name.

        Raises UserError when an id stands in both files, or when categories differ.
        """
        if self.truth is None or self.predictions is not None:
            return short
        both = sorted(self.ids & set(short.videos))
        if both:
            raise UserError(
                f"video {both[0]} stands in the ground truth of the short and in that of the long videos; give the "
                "long videos' results file with --long-pred, or, if --gt holds them all, a list of their ids as --long"
            )
        if self.truth.categories != short.categories:
            raise UserError("the ground truth of the long videos has other categories than that of the short ones")
        videos = dict(sorted((short.videos | self.truth.videos).items()))
        return replace(short, videos=videos, annotations=[*short.annotations, *self.truth.annotations])

    def counts(self, of_all: Counts, detections: Sequence[Detection]) -> Counts:
        """Of the long videos, from those of all, or from ground truth of their own and detections of all."""
        if self.truth is None:
            return of_videos(of_all, self.ids)
        if self.predictions is not None:
            detections = read_detections_file(self.predictions, self.truth)
        return evaluate_detections(self.truth, detections).counts


@dataclass(frozen=True)
class VideosOfOneKind:
    """videos, objects: numbers of them.  intervals: of the main scores, by name; none with fewer than two videos."""

    videos: int
    objects: int
    scores: MainScores
    intervals: dict[str, Interval]

    def to_json(self) -> dict[str, Any]:
        """Fractions; null where there is no object."""
        intervals = {name: [interval.low, interval.high] for name, interval in self.intervals.items()}
        own = {"videos": self.videos, "objects": self.objects, "scores": scores_json(self.scores)}
        return own | ({"intervals": intervals} if intervals else {})


@dataclass(frozen=True)
class ShortAndLong:
    """Short videos, long videos, and the mean of their scores, in which the two weigh the same."""

    short: VideosOfOneKind
    long: VideosOfOneKind
    mean: VideosOfOneKind

    def to_json(self) -> dict[str, Any]:
        """Of each kind."""
        return {"short": self.short.to_json(), "long": self.long.to_json(), "mean": self.mean.to_json()}

    def further(self) -> dict[str, FurtherValue]:
        """The columns that tables may ask for."""
        columns = zip(get_args(LengthScore), (self.short, self.long, self.mean), strict=True)
        return {name: further_value(kind.scores.ap, kind.intervals.get("ap")) for name, kind in columns}


def read_long_videos(path: Path, predictions: Path | None, whole: GroundTruth) -> LongVideos:
    """path: a JSON file with a list of ids of `whole`, or ground truth in YouTube-VIS format.

    Raises UserError when it is neither, or when an id is unknown.
    """
    if path.is_file() and _is_object(path):
        truth = load_ground_truth(path)
        return LongVideos(frozenset(truth.videos), truth, predictions)
    content = read_json(path)
    if not isinstance(content, list) or not content or not all(type(one) is int for one in content):
        raise UserError(f"{path}: must be a list of ids of videos, at least one, or ground truth in YouTube-VIS format")
    missing = sorted(set(content) - set(whole.videos))
    if missing:
        raise UserError(f"{path}: names video {missing[0]}, but the ground truth has no video of this id")
    if predictions is not None:
        raise UserError(
            "--long-pred goes with ground truth of the long videos; with a list of ids, --pred holds the tracks of all"
        )
    return LongVideos(frozenset(content), None, None)


def _is_object(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1000).lstrip().startswith(b"{")


def of_videos(counts: Counts, ids: Collection[int]) -> Counts:
    """The counts of some videos."""
    kept = tuple(key for key in counts.video_ids if key in ids)
    return replace(counts, video_ids=kept, groups=tuple(group for group in counts.groups if group.video_id in ids))


def short_and_long(short: Counts, long: Counts, draws: int, seed: int) -> ShortAndLong:
    """From the counts of the two kinds; draws: of the videos of either kind by itself, 0 for no intervals.

    Raises UserError when either kind has no video.
    """
    for kind, counts in (("short", short), ("long", long)):
        if not counts.video_ids:
            raise UserError(f"there is no {kind} video among those that are scored, so --long has nothing to compare")
    # Draws of the two kinds are independent of each other, as their videos are.
    kinds = [_of_one_kind(counts, draws, seed + number) for number, counts in enumerate((short, long))]
    return ShortAndLong(kinds[0], kinds[1], _mean(kinds, (short, long), draws, seed))


def _of_one_kind(counts: Counts, draws: int, seed: int) -> VideosOfOneKind:
    intervals = bootstrap(counts, draws, seed).intervals if draws else {}
    objects = sum(group.ground_truth for group in counts.groups)
    return VideosOfOneKind(len(counts.video_ids), objects, scores_of_counts(counts), intervals)


def _mean(kinds: list[VideosOfOneKind], counts: tuple[Counts, Counts], draws: int, seed: int) -> VideosOfOneKind:
    scores = np.array([astuple(kind.scores) for kind in kinds])
    defined = (scores != NO_GROUND_TRUTH).all(axis=0)
    means = np.where(defined, scores.mean(axis=0), NO_GROUND_TRUTH)
    intervals = {}
    if draws and min(videos_with_objects(one) for one in counts) >= FEWEST_VIDEOS:
        drawn = sum(resampled_scores([one], draws, seed + number)[1][0] for number, one in enumerate(counts)) / 2
        for name, mean, values in zip(SCORE_NAMES, means.tolist(), np.transpose(drawn), strict=True):
            intervals[name] = reflected(mean, values[~np.isnan(values)])
    return VideosOfOneKind(
        sum(kind.videos for kind in kinds),
        sum(kind.objects for kind in kinds),
        MainScores(*means.tolist()),
        intervals,
    )
