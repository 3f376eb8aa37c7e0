"""All that `vita evaluate` tells of a results file: computed, and as its metrics file holds it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vita.core.contract import UserError
from vita.core.files import write_text
from vita.core.records import ImportRecord, MetricsRecord
from vita.evaluation.bootstrap import Bootstrap, bootstrap, paired_bootstrap
from vita.evaluation.breakdown import Part, VideoRow, break_down, per_video
from vita.evaluation.errors.analysis import ErrorAnalysis, analyse_errors
from vita.evaluation.external.coverage import check_covered
from vita.evaluation.further import Further, FurtherOptions, evaluate_further
from vita.evaluation.main_scores import SCORE_NAMES
from vita.evaluation.readers.detections import read_detections_file
from vita.evaluation.readers.ground_truth import GroundTruth, load_ground_truth
from vita.evaluation.scoring import Evaluation, evaluate_detections
from vita.evaluation.short_and_long import read_long_videos


@dataclass(frozen=True)
class EvaluationOptions:
    """What is asked beyond the scores. draws: 0 for no intervals.  against: a results file to compare with.

    imported: of an external result, whose videos must be those that are scored.
    """

    draws: int
    seed: int
    against: Path | None = None
    breakdown: bool = False
    errors: bool = False
    further: FurtherOptions = field(default_factory=FurtherOptions)
    imported: ImportRecord | None = None


@dataclass(frozen=True)
class Comparison:
    """Another results file, and how the scores of the one asked about differ from its scores."""

    predictions: Path
    evaluation: Evaluation
    differences: Bootstrap


@dataclass(frozen=True)
class Report:
    """The answer; None and empty what was not asked for."""

    evaluation: Evaluation
    videos: list[VideoRow]
    intervals: Bootstrap | None
    comparison: Comparison | None
    parts: list[Part]
    errors: ErrorAnalysis | None
    further: Further

    def record(self) -> MetricsRecord:
        """For the metrics file (docs/evaluation.md): scores are fractions, null where there is no object."""
        record = self.evaluation.record()
        if self.intervals is not None:
            found = self.intervals.intervals
            record.intervals = {name: [interval.low, interval.high] for name, interval in found.items()}
            record.draws, record.seed = self.intervals.draws, self.intervals.seed
        if self.comparison is not None:
            record.against = _comparison_json(self.comparison)
        if self.parts:
            record.breakdown = [part.to_json() for part in self.parts]
            record.per_video = [video.to_json() for video in self.videos]
        if self.errors is not None:
            record.errors = self.errors.to_json()
            record.further = self.errors.further()
        self.further.enter(record)
        return record


def evaluate_file(
    options: EvaluationOptions, gt: Path, predictions: Path, limit_videos: int | None, chosen: Collection[int] | None
) -> Report:
    """Evaluate a results file; limit_videos and chosen (ids) as of `evaluate_files`.

    Raises UserError naming the file and entry, and on a comparison without draws.
    """
    if options.against is not None and not options.draws:
        raise UserError("--against needs draws for its intervals; leave --draws out, or ask for some")
    whole, further = load_ground_truth(gt), options.further
    long = read_long_videos(further.long, further.long_predictions, whole) if further.long is not None else None
    truth, known = whole.part(chosen, limit_videos), whole if long is None else long.known(whole)
    if options.imported is not None:
        check_covered(options.imported, predictions, truth)
    beside = known.videos.keys() - whole.videos.keys()
    found = read_detections_file(predictions, known, truth.videos.keys() | beside)
    detections = [detection for detection in found if detection.video_id in truth.videos]
    evaluation = evaluate_detections(truth, detections)
    return Report(
        evaluation,
        per_video(truth, evaluation.counts),
        bootstrap(evaluation.counts, options.draws, options.seed) if options.draws else None,
        _compare(options, evaluation, options.against, known, truth) if options.against else None,
        break_down(truth, detections, evaluation.counts) if options.breakdown else [],
        analyse_errors(truth, detections, options.draws, options.seed) if options.errors else None,
        evaluate_further(further, truth, found, evaluation, long, options.draws, options.seed),
    )


def write_per_video(videos: list[VideoRow], out: Path) -> None:
    """A CSV row for each video; scores are points, empty where the video has no object."""
    import pandas as pd  # noqa: PLC0415  # takes longer to load than an evaluation of a small data set to run

    from vita.core.csv_table import csv_text  # noqa: PLC0415  # as above

    rows = pd.DataFrame([video.to_json() for video in videos])
    for name in SCORE_NAMES:
        rows[name] = 100 * rows[name].astype(float)
    write_text(out, csv_text(rows, float_format="%.4f"))


def _compare(
    options: EvaluationOptions, evaluation: Evaluation, against: Path, known: GroundTruth, truth: GroundTruth
) -> Comparison:
    other = evaluate_detections(truth, read_detections_file(against, known, truth.videos))
    differences = paired_bootstrap(evaluation.counts, other.counts, options.draws, options.seed)
    return Comparison(against, other, differences)


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    differences = {name: asdict(found) for name, found in comparison.differences.intervals.items()}
    scores = comparison.evaluation.record().scores
    return {"predictions": str(comparison.predictions), "scores": scores, "differences": differences}
