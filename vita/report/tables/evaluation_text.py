"""Evaluations as people read them in a terminal: scores in points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from tabulate import tabulate

from vita.core.grouping import grouped
from vita.evaluation.average_precision import NO_GROUND_TRUTH
from vita.evaluation.bootstrap import LEVEL, Difference, videos_with_objects
from vita.evaluation.breakdown import Part
from vita.evaluation.errors.analysis import ErrorAnalysis
from vita.evaluation.evaluate_file import Comparison, Report
from vita.evaluation.frames.frame_ap import FrameEvaluation
from vita.evaluation.main_scores import SCORE_NAMES
from vita.evaluation.scoring import Evaluation

_INTERVAL = f"{LEVEL:.0%} interval"


def evaluation_text(report: Report) -> str:
    """The scores, and a table for each thing that was asked for."""
    sections = [_scores(report)]
    if report.comparison is not None:
        sections.append(_comparison(report.evaluation, report.comparison))
    if report.parts:
        sections += [_categories(report.evaluation), _breakdown(report.parts)]
    if report.errors is not None:
        sections.append(errors_text(report.errors))
    return "\n\n".join(sections)


def frames_text(evaluation: FrameEvaluation) -> str:
    """The twelve numbers of COCO."""
    rows = [[_label(name), _points(score)] for name, score in asdict(evaluation.scores).items()]
    counted = f"{evaluation.videos} videos, {evaluation.frames} frames, {evaluation.detections} detections"
    return f"{counted}, scores in points\n" + _table(rows, ["frames", "score"])


def errors_text(errors: ErrorAnalysis) -> str:
    """What each oracle gives back."""
    rows = [[kind.name, _signed(kind.alone), _signed(kind.in_sequence)] for kind in errors.kinds]
    rows += [["AP as it is", "", _points(errors.ap)]]
    return "AP that mending one kind of error gives back, in points\n" + _table(rows, ["error", "alone", "in sequence"])


def _scores(report: Report) -> str:
    intervals = report.intervals.intervals if report.intervals is not None else {}
    rows = []
    for name, score in asdict(report.evaluation.scores).items():
        found = intervals.get(name)
        shown = f"{_points(found.low)} to {_points(found.high)}" if found is not None else ""
        rows.append([_label(name), _points(score), *([shown] if intervals else [])])
    empty = sum(video.predictions == 0 for video in report.videos)
    without = f" ({empty} without any prediction)" if empty else ""
    heading = f"{len(report.videos)} videos{without}, scores in points{_drawn(report)}"
    return f"{heading}\n" + _table(rows, ["score", "points", _INTERVAL][: len(rows[0])])


def _comparison(evaluation: Evaluation, comparison: Comparison) -> str:
    ours, scores = asdict(evaluation.scores), asdict(comparison.evaluation.scores)
    rows = []
    if videos_with_objects(evaluation.counts) == 1:
        pairs = {name: (scores[name], ours[name]) for name in SCORE_NAMES}
        rows = [[_label(name), _points(b), _signed(a - b), "one video", *[""] * 3] for name, (b, a) in pairs.items()]
    for name, found in comparison.differences.intervals.items():
        if isinstance(found, Difference):
            interval = f"{_signed(found.low)} to {_signed(found.high)}"
            shares = [f"{found.above:.1%}", f"{found.below:.1%}"]
            rows.append(
                [_label(name), _points(scores[name]), _signed(found.score), interval, *shares, f"{found.p:.3f}"]
            )
    headers = ["score", "theirs", "difference", _INTERVAL, "draws above", "draws below", "p"]
    return f"Against {comparison.predictions}\n" + _table(rows, headers)


def _categories(evaluation: Evaluation) -> str:
    objects = dict.fromkeys(evaluation.category_names, 0)
    for group in evaluation.counts.groups:
        objects[group.category_id] += group.ground_truth
    rows = [
        [name, objects[key], _points(evaluation.per_category_ap[key])]
        for key, name in evaluation.category_names.items()
    ]
    return _table(rows, ["category", "objects", "AP"])


def _breakdown(parts: list[Part]) -> str:
    tables = []
    for kind, some in grouped(parts, lambda part: part.kind).items():
        rows = [
            [part.name, part.videos, part.objects, *(_points(getattr(part.scores, name)) for name in SCORE_NAMES)]
            for part in some
        ]
        tables.append(_table(rows, [kind, "videos", "objects", *map(_label, SCORE_NAMES)]))
    return "\n\n".join(tables)


def _drawn(report: Report) -> str:
    intervals = report.intervals
    if intervals is None:
        return ""
    if videos_with_objects(report.evaluation.counts) == 1:
        return "; no intervals, since one video with objects says nothing of others"
    return f"; intervals from {intervals.draws} draws of the videos, seed {intervals.seed}"


def _table(rows: Iterable[Iterable[object]], headers: list[str]) -> str:
    aligned = ("left", *("right" for _ in headers[1:]))
    return tabulate([list(row) for row in rows], headers, colalign=aligned, disable_numparse=True)


def _label(name: str) -> str:
    kind, size = name[:2].upper(), name[2:].replace("_", " ")
    return kind + size


def _points(score: float) -> str:
    return "none" if score == NO_GROUND_TRUTH else f"{100 * score:.2f}"


def _signed(difference: float) -> str:
    return f"{round(100 * difference, 2) + 0.0:+.2f}"  # no -0.00
