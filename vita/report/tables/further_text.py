"""HOTA, occlusion and lengths of videos as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from vita.evaluation.further import Further
from vita.evaluation.hota.scores import NAMES, Hota
from vita.evaluation.main_scores import SCORE_NAMES
from vita.evaluation.occlusion.ovis_groups import RANGES, OvisOcclusion
from vita.evaluation.short_and_long import ShortAndLong
from vita.report.tables.score_text import INTERVAL, ends, label, points, table


def further_texts(further: Further) -> Iterator[str]:
    """A table for each thing that was asked for."""
    if further.hota is not None:
        yield _hota(further.hota)
    if further.occlusion is not None:
        yield _occlusion(further.occlusion)
    if further.lengths is not None:
        yield _lengths(further.lengths)


def _hota(hota: Hota) -> str:
    means = {} if hota.mean is None else asdict(hota.mean)
    rows = [
        [
            NAMES[name],
            points(means[name]) if means else "none",
            *([ends(hota.intervals[name])] if hota.intervals else []),
            points(score),
        ]
        for name, score in asdict(hota.over_detections).items()
    ]
    headers = ["score", "mean over categories", *([INTERVAL] if hota.intervals else []), "over detections"]
    return "HOTA on masks, of all predicted tracks whatever their score, in points\n" + table(rows, headers)


def _occlusion(occlusion: OvisOcclusion) -> str:
    drawn = any(group.interval is not None for group in occlusion.groups)
    rows = []
    for group in occlusion.groups:
        low, high = RANGES[group.name]
        scores = [points(getattr(group.scores, name)) for name in SCORE_NAMES]
        interval = [ends(group.interval)] if drawn else []
        rows.append(
            [group.name, f"{low:g} to {high:g}", group.videos, group.objects, scores[0], *interval, *scores[1:]]
        )
    names = [label(name) for name in SCORE_NAMES]
    headers = ["occlusion", "degree", "videos", "objects", names[0], *([INTERVAL] if drawn else []), *names[1:]]
    heading = "By degree of occlusion, as the authors of OVIS group objects; who lies on a border is in both groups"
    return f"{heading}\n" + table(rows, headers)


def _lengths(lengths: ShortAndLong) -> str:
    kinds = {"short": lengths.short, "long": lengths.long, "mean of both": lengths.mean}
    drawn = any(kind.intervals for kind in kinds.values())
    rows = []
    for name, kind in kinds.items():
        scores = [points(getattr(kind.scores, score)) for score in SCORE_NAMES]
        interval = [ends(kind.intervals.get("ap"))] if drawn else []
        rows.append([name, kind.videos, kind.objects, scores[0], *interval, *scores[1:]])
    names = [label(name) for name in SCORE_NAMES]
    headers = ["videos", "number", "objects", names[0], *([INTERVAL] if drawn else []), *names[1:]]
    return "Short and long videos, as YouTube-VIS 2022 has them\n" + table(rows, headers)
