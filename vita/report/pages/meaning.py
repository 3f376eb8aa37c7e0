"""What a table of scores says, in sentences that follow from its cells and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from vita.experiments.config import TableSpec
from vita.report.tables.inputs import SOURCES
from vita.report.tables.table_file import key_names, scored

NOT_COMPARABLE = "not comparable with the paper"
CLAIMS = {"higher": "scores higher than", "lower": "scores lower than"}
COUNTED = {
    "inside the noise": "inside the noise",
    "too few trainings": "too few trainings to tell",
    "too few videos": "too few videos to tell",
    "one training each": "one training each, which tells nothing of another",
    "one video": "one video, which tells nothing of others",
}


def row_name(line: Mapping[Any, Any], keys: Sequence[str]) -> str:
    """The cells that name a row, in words; a number has its column's name before it."""
    cells = {key: str(line[key]) for key in keys if pd.notna(line[key]) and str(line[key])}
    return ", ".join(f"{key} {cell}".replace("_", " ") if cell[0].isdigit() else cell for key, cell in cells.items())


def comparability(frame: pd.DataFrame) -> str:
    """Whether the rows that were scored may be held against the paper's numbers; "" where none was scored."""
    ours = scored(frame)
    flags = ours["comparable"].fillna(value=False)
    if ours.empty or flags.all():
        return ""
    return NOT_COMPARABLE if not flags.any() else f"{int((~flags).sum())} of {len(ours)} rows {NOT_COMPARABLE}"


def meaning(spec: TableSpec | None, frame: pd.DataFrame) -> list[str]:
    """A few sentences; none of a table without scores."""
    ours, keys = scored(frame), key_names(frame)
    return [*_extremes(ours, keys), *_differences(spec, ours, keys), *_missing(frame)]


def _extremes(ours: pd.DataFrame, keys: Sequence[str]) -> Iterator[str]:
    if len(ours) < 2 or ours["ground_truth"].nunique() > 1:
        return
    lines = sorted(ours.to_dict("records"), key=lambda line: -line["AP"])
    named = [f"{row_name(line, keys)} with {line['AP']:.1f}" for line in (lines[0], lines[-1])]
    yield f"AP is highest for {named[0]}, and lowest for {named[1]}."


def _differences(spec: TableSpec | None, ours: pd.DataFrame, keys: Sequence[str]) -> Iterator[str]:
    """What may be claimed of each row against the one that it is compared with, and what may not."""
    if "verdict" not in ours or not ours["difference"].notna().any():
        return
    cells = ", ".join(f"{name} {cell}" for name, cell in ((spec.reference or {}) if spec else {}).items())
    against = f"the row with {cells}" if cells else "the row that it is compared with"
    compared = ours[ours["difference"].notna()]
    for verdict, words in CLAIMS.items():
        for line in compared[compared["verdict"] == verdict].to_dict("records"):
            yield f"{row_name(line, keys)} {words} {against}, by {abs(line['difference']):.1f} points."
    open_ones = compared[~compared["verdict"].isin(CLAIMS)]
    if len(open_ones):
        counts = Counter(open_ones["verdict"].tolist())
        parts = [f"{count} {COUNTED.get(name, name)}" for name, count in counts.most_common()]
        yield f"Of {len(compared)} differences from {against}, {len(open_ones)} may not be claimed: {', '.join(parts)}."


def _missing(frame: pd.DataFrame) -> Iterator[str]:
    failed = int((frame["failed"].fillna(0) > 0).sum())
    unscored = int((~frame["source"].isin((*SOURCES, "reported", "failed"))).sum())
    if failed:
        yield f"{failed} of {len(frame)} rows have trainings that failed."
    if unscored:
        yield f"{unscored} of {len(frame)} rows have no scores here."
