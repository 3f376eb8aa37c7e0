"""Predicted tracks, as submission files list them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vita.core.contract import UserError
from vita.data.masks.rle import short
from vita.data.value_limits import finite_number
from vita.evaluation.readers.ground_truth import GroundTruth
from vita.evaluation.readers.id_shift import shift_in_words, shift_that_fits
from vita.evaluation.readers.mask_tracks import MaskTrack, read_mask_track
from vita.evaluation.readers.results_file import ids_of, read_tracks

SHOWN = 5  # ids of a message

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Detection:
    """One predicted object of a video: its category, its score and its masks."""

    video_id: int
    category_id: int
    score: float
    track: MaskTrack


def read_detections(
    predictions: Any, ground_truth: GroundTruth, source: str, scored: Collection[int] | None = None
) -> list[Detection]:
    """Read a list of {video_id, category_id, score, segmentations}, in its order; `source` names it in messages.

    A category that the ground truth does not have is left out, as the official evaluator does, with a warning; and so
    are videos that are not in `scored` (None: all are). Raises UserError on videos that the ground truth does not have,
    missing keys, wrong types and masks of a wrong size.
    """
    if not isinstance(predictions, list):
        raise UserError(f"{source}: predictions must be a list of objects, one a track")
    return _kept(predictions, ground_truth, source, scored)


def read_detections_file(
    path: Path, ground_truth: GroundTruth, scored: Collection[int] | None = None
) -> list[Detection]:
    """As `read_detections`, from a file of any length: what is kept takes the space of its codes."""
    return _kept(read_tracks(path), ground_truth, str(path), scored)


def _kept(
    predictions: Iterable[Any], ground_truth: GroundTruth, source: str, scored: Collection[int] | None
) -> list[Detection]:
    categories: Counter[int] = Counter()  # of all predictions, as are videos
    videos: Counter[int] = Counter()
    first_stray = None  # the first prediction of a video that is not known
    kept = []
    for number, entry in enumerate(predictions):
        where = f"{source}: prediction {number}"
        video_id, category_id = ids_of(entry, where)
        categories[category_id] += 1
        videos[video_id] += 1
        size = ground_truth.videos.get(video_id)
        if size is None:
            first_stray = first_stray or f"{where}: unknown video_id {short(video_id)}"
        elif category_id in ground_truth.categories:
            score = float(finite_number(entry, "score", where))
            track = read_mask_track(entry.get("segmentations"), size.height, size.width, where)
            if scored is None or video_id in scored:
                kept.append(Detection(video_id, category_id, score, track))
    if first_stray is not None:
        raise UserError(f"{first_stray}; {_strays(videos, ground_truth)}")
    _warn_of_unknown_categories(categories, ground_truth, source)
    _warn_of_uneven_lengths(kept, ground_truth, source)
    return kept


def _strays(videos: Counter[int], ground_truth: GroundTruth) -> str:
    """How many predictions are of videos that are not known, and why that may be."""
    strays = sum(count for key, count in videos.items() if key not in ground_truth.videos)
    shift = shift_that_fits(videos, ground_truth.videos)
    guess = "is it of another data set, or of another part?" if shift is None else shift_in_words(shift)
    return (
        f"it must be the id of a video of the ground truth, as {videos.total() - strays} of {videos.total()} "
        f"predictions have; {guess}"
    )


def _warn_of_unknown_categories(categories: Counter[int], ground_truth: GroundTruth, source: str) -> None:
    unknown = sorted(key for key in categories if key not in ground_truth.categories)
    if not unknown:
        return
    shift = shift_that_fits(categories, ground_truth.categories)
    guess = "are they numbers of another class list?" if shift is None else shift_in_words(shift)
    _log.warning(
        "%s: %d of %d predictions are of categories that the ground truth does not have (%s; it has %s), and do not "
        "count, as in the official evaluator; %s",
        source, sum(categories[key] for key in unknown), categories.total(), _some(unknown),
        _some(sorted(ground_truth.categories)), guess,
    )  # fmt: skip


def _some(ids: Sequence[int]) -> str:
    return ", ".join(map(short, ids[:SHOWN])) + (", ..." if len(ids) > SHOWN else "")


def _warn_of_uneven_lengths(detections: list[Detection], ground_truth: GroundTruth, source: str) -> None:
    uneven = [d for d in detections if len(d.track.masks) != ground_truth.videos[d.video_id].length]
    if uneven:
        _log.warning(
            "%s: %d predictions list more or fewer frames than their video (first: %s); frames after the end of the "
            "shorter list do not count, as in the official evaluator",
            source, len(uneven), uneven[0].track.source,
        )  # fmt: skip
