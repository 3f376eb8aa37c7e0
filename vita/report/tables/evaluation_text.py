"""Evaluations as people read them in a terminal: scores in points."""

from __future__ import annotations

from dataclasses import asdict

from vita.core.grouping import grouped
from vita.evaluation.bootstrap import Difference, videos_with_objects
from vita.evaluation.breakdown import Part
from vita.evaluation.errors.analysis import Ends, ErrorAnalysis
from vita.evaluation.evaluate_file import Comparison, Report
from vita.evaluation.frames.frame_ap import FrameEvaluation
from vita.evaluation.main_scores import SCORE_NAMES
from vita.evaluation.scoring import Evaluation
from vita.report.tables.further_text import further_texts
from vita.report.tables.score_text import INTERVAL, ends, label, points, signed, table


def evaluation_text(report: Report) -> str:
    """The scores, and a table for each thing that was asked for."""
    sections = [_scores(report)]
    if report.comparison is not None:
        sections.append(_comparison(report.evaluation, report.comparison))
    if report.parts:
        sections += [_categories(report.evaluation), _breakdown(report.parts)]
    if report.errors is not None:
        sections.append(errors_text(report.errors))
    return "\n\n".join([*sections, *further_texts(report.further)])


def frames_text(evaluation: FrameEvaluation) -> str:
    """The twelve numbers of COCO."""
    rows = [[label(name), points(score)] for name, score in asdict(evaluation.scores).items()]
    counted = f"{evaluation.videos} videos, {evaluation.frames} frames, {evaluation.detections} detections"
    return f"{counted}, scores in points\n" + table(rows, ["frames", "score"])


def errors_text(errors: ErrorAnalysis) -> str:
    """What each oracle gives back."""
    rows = [[kind.name, *_gain(kind.alone, kind.alone_interval), signed(kind.in_sequence)] for kind in errors.kinds]
    rows += [
        ["association, best links", *_gain(errors.optimal_links, None), ""],
        ["AP as it is", *_gain(None, None), points(errors.ap)],
    ]
    headers = ["error", "alone", INTERVAL, "in sequence"]
    if not any(row[2] for row in rows):
        rows, headers = [[*row[:2], row[3]] for row in rows], [*headers[:2], headers[3]]
    return "AP that mending one kind of error gives back, in points\n" + table(rows, headers)


def _gain(gain: float | None, interval: Ends | None) -> list[str]:
    """Two cells."""
    told = "" if interval is None else f"[{signed(interval[0])}, {signed(interval[1])}]"
    return ["" if gain is None else signed(gain), told]


def _scores(report: Report) -> str:
    intervals = report.intervals.intervals if report.intervals is not None else {}
    rows = []
    for name, score in asdict(report.evaluation.scores).items():
        rows.append([label(name), points(score), *([ends(intervals.get(name))] if intervals else [])])
    empty = sum(video.predictions == 0 for video in report.videos)
    without = f" ({empty} without any prediction)" if empty else ""
    heading = f"{len(report.videos)} videos{without}, scores in points{_drawn(report)}"
    return f"{heading}\n" + table(rows, ["score", "points", INTERVAL][: len(rows[0])])


def _comparison(evaluation: Evaluation, comparison: Comparison) -> str:
    ours, scores = asdict(evaluation.scores), asdict(comparison.evaluation.scores)
    rows = []
    if videos_with_objects(evaluation.counts) == 1:
        pairs = {name: (scores[name], ours[name]) for name in SCORE_NAMES}
        rows = [[label(name), points(b), signed(a - b), "one video", *[""] * 3] for name, (b, a) in pairs.items()]
    for name, found in comparison.differences.intervals.items():
        if isinstance(found, Difference):
            interval = f"{signed(found.low)} to {signed(found.high)}"
            shares = [f"{found.above:.1%}", f"{found.below:.1%}"]
            rows.append([label(name), points(scores[name]), signed(found.score), interval, *shares, f"{found.p:.3f}"])
    headers = ["score", "theirs", "difference", INTERVAL, "draws above", "draws below", "p"]
    return f"Against {comparison.predictions}\n" + table(rows, headers)


def _categories(evaluation: Evaluation) -> str:
    objects = dict.fromkeys(evaluation.category_names, 0)
    for group in evaluation.counts.groups:
        objects[group.category_id] += group.ground_truth
    rows = [
        [name, objects[key], points(evaluation.per_category_ap[key])] for key, name in evaluation.category_names.items()
    ]
    return table(rows, ["category", "objects", "AP"])


def _breakdown(parts: list[Part]) -> str:
    tables = []
    for kind, some in grouped(parts, lambda part: part.kind).items():
        rows = [
            [part.name, part.videos, part.objects, *(points(getattr(part.scores, name)) for name in SCORE_NAMES)]
            for part in some
        ]
        tables.append(table(rows, [kind, "videos", "objects", *map(label, SCORE_NAMES)]))
    return "\n\n".join(tables)


def _drawn(report: Report) -> str:
    intervals = report.intervals
    if intervals is None:
        return ""
    if videos_with_objects(report.evaluation.counts) == 1:
        return "; no intervals, since one video with objects says nothing of others"
    return f"; intervals from {intervals.draws} draws of the videos, seed {intervals.seed}"
