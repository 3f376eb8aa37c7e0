"""What `vita evaluate` tells beyond average precision and recall where it is asked to: HOTA, occlusion, lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vita.core.records import MetricsRecord
from vita.evaluation.hota.scores import Hota, evaluate_hota
from vita.evaluation.occlusion.ovis_groups import OvisOcclusion, by_occlusion
from vita.evaluation.readers.detections import Detection
from vita.evaluation.readers.ground_truth import GroundTruth
from vita.evaluation.scoring import Evaluation
from vita.evaluation.short_and_long import LongVideos, ShortAndLong, of_videos, short_and_long


@dataclass(frozen=True)
class FurtherOptions:
    """What is asked. long: ids or ground truth of the long videos, and their results file if it is one of its own."""

    hota: bool = False
    occlusion: bool = False
    long: Path | None = None
    long_predictions: Path | None = None


@dataclass(frozen=True)
class Further:
    """The answers; None what was not asked for."""

    hota: Hota | None = None
    occlusion: OvisOcclusion | None = None
    lengths: ShortAndLong | None = None

    def enter(self, record: MetricsRecord) -> None:
        """Into the metrics file's record."""
        if self.hota is not None:
            record.hota = self.hota.to_json()
        if self.occlusion is not None:
            record.occlusion = self.occlusion.to_json()
        if self.lengths is not None:
            record.lengths = self.lengths.to_json()
        for found in (self.hota, self.occlusion, self.lengths):
            if found is not None:
                record.further = record.further | found.further()


def evaluate_further(
    options: FurtherOptions,
    truth: GroundTruth,
    detections: Sequence[Detection],
    evaluation: Evaluation,
    long: LongVideos | None,
    draws: int,
    seed: int,
) -> Further:
    """All that is asked of these videos. evaluation: of them; detections: of them, and of long ones beside them."""
    return Further(
        evaluate_hota(truth, detections, draws, seed) if options.hota else None,
        by_occlusion(truth, evaluation, draws, seed) if options.occlusion else None,
        _lengths(truth, detections, evaluation, long, draws, seed) if long is not None else None,
    )


def _lengths(
    truth: GroundTruth,
    detections: Sequence[Detection],
    evaluation: Evaluation,
    long: LongVideos,
    draws: int,
    seed: int,
) -> ShortAndLong:
    short = of_videos(evaluation.counts, set(truth.videos) - long.ids if long.truth is None else truth.videos)
    return short_and_long(short, long.counts(evaluation.counts, detections), draws, seed)
