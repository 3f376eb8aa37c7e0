"""Columns on request: scores beyond the main ones, which a table's experiment or tier names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from vita.core.contract import UserError
from vita.core.further_scores import kinds_of
from vita.core.records import MetricsRecord, read_record


def further_means(scores: Sequence[str], metrics: Sequence[Path]) -> dict[str, float]:
    """The mean of each score over the metrics files of a row's seeds, in points; NaN where there is no object.

    Raises UserError naming a file that lacks one.
    """
    if not scores:
        return {}
    records = [read_record(MetricsRecord, path) for path in metrics]
    return {score: _mean(score, records, metrics) for score in scores}


def meanings(scores: Sequence[str]) -> Iterator[str]:
    """A sentence for each kind of score among the columns, for the notes below a table."""
    for kind in kinds_of(scores):
        yield f"{', '.join(score for score in scores if score in kind.scores)}: {kind.meaning}"


def _mean(score: str, records: Sequence[MetricsRecord], metrics: Sequence[Path]) -> float:
    for record, path in zip(records, metrics, strict=True):
        if score not in record.further:
            option = kinds_of([score])[0].option
            raise UserError(f"{path} has no {score}; run `vita evaluate` again with {option}")
    found = [record.further[score].score for record in records]
    return 100 * float(np.mean([np.nan if value is None else value for value in found]))
