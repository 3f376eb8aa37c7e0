"""One table as a section of the page: what it says, its rows with links to their runs, a chart of scores, and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from vita.report.pages.found import FoundFigure, FoundTable
from vita.report.pages.html import Content, Links, anchor, render, table
from vita.report.pages.meaning import comparability, meaning, row_name
from vita.report.pages.places import run_place, runs_behind, training_place
from vita.report.pages.run_folder import State
from vita.report.tables.inputs import WEIGHTS
from vita.report.tables.table_file import key_names, scored

Words = tuple[str, ...]
NUMBERS = ("AP", "AP_low", "AP_high", "paper_AP")  # of the chart


@dataclass(frozen=True)
class Bar:
    """A row of the chart, in percent of its width. paper: where the paper's number lies, None without one."""

    name: str
    text: str
    at: float
    low: float | None
    high: float | None
    paper: float | None


def table_section(found: FoundTable, shown: Mapping[Words, State], figures: Sequence[FoundFigure] = ()) -> Markup:
    """shown: the runs that the page has, and how each ended. figures: of this table."""
    rows, hrefs = linked_rows(found, shown)
    readable = found.readable
    place = _place_of_runs(found)
    headers = [*readable.headers[:place], *(["runs"] if any(hrefs) else []), *readable.headers[place:]]
    scores = found.scores
    bars = [] if scores is None else chart(scores)
    return render(
        "table_section.html.j2",
        place=place_of(found),
        title=readable.title,
        badge="" if scores is None else comparability(scores),
        sentences=[] if scores is None else meaning(found.spec, scores),
        bars=bars,
        some_paper=any(bar.paper is not None for bar in bars),
        table=table(headers, rows, _classes(found), hrefs, _linked(found), readable.predicted),
        notes=readable.notes,
        figures=figures,
    )


def _linked(found: FoundTable) -> list[str]:
    """Columns whose numbers are of runs: no name of a row, nor a number of the paper's or of a memory probe."""
    names = [*(key_names(found.scores) if found.scores is not None else []), "max frames"]
    return [name for name in found.readable.headers if name not in names and not name.startswith("paper")]


def _place_of_runs(found: FoundTable) -> int:
    """The column of links stands behind those that name a row, where it is seen without scrolling."""
    names = key_names(found.scores) if found.scores is not None else []
    return sum(name in names for name in found.readable.headers)


def _classes(found: FoundTable) -> list[str]:
    """Of the rows; one of which some trainings failed is marked too."""
    classes = [*found.readable.classes] or [""] * len(found.readable.rows)
    if found.scores is None:
        return classes
    failed = found.scores["failed"].fillna(0) > 0
    return ["partly" if not name and lost else name for name, lost in zip(classes, failed, strict=True)]


def place_of(found: FoundTable) -> str:
    """The anchor of a table."""
    return f"item-{anchor(found.name)}"


def linked_rows(found: FoundTable, shown: Mapping[Words, State]) -> tuple[list[list[Content]], list[str]]:
    """Rows with a cell of links to their runs, and where the numbers of each row lead."""
    behind = [
        list(dict.fromkeys([*runs_behind(line, shown), *_failed(found, number, shown)]))
        for number, line in enumerate(found.evidence)
    ]
    some, place = any(behind), _place_of_runs(found)
    rows: list[list[Content]] = []
    for row, runs in zip(found.readable.rows, behind, strict=True):
        places = Links([(_seed(words, shown[words]), f"#{run_place(words)}") for words in runs])
        rows.append([*row[:place], *([places if runs else ""] if some else []), *row[place:]])
    return rows, [f"#{training_place(runs[0])}" if runs else "" for runs in behind]


def _seed(words: Words, state: State) -> str:
    number = words[-1].removeprefix("seed")
    return f"{number} failed" if state == "failed" else number


def _failed(found: FoundTable, number: int, shown: Mapping[Words, State]) -> list[Words]:
    """Runs of a row that failed and so left no scores, by what the table's specification names."""
    if found.spec is None or found.scores is None:
        return []
    line = found.scores.to_dict("records")[number]
    cells = {name: str(line[name]) for name in key_names(found.scores) if pd.notna(line[name])}
    for row in found.spec.rows:
        own = {name: str(cell) for name, cell in row.key.items() if name not in row.as_run}
        if row.not_run is None and own.items() <= cells.items():
            training = (found.spec.tier, *(getattr(row, name) for name in WEIGHTS))
            return [words for words, state in shown.items() if words[:-1] == training and state == "failed"]
    return []


def chart(frame: pd.DataFrame) -> list[Bar]:
    """AP of every row that was scored, with its interval, and the paper's; none where there is but one row."""
    lines, keys = scored(frame).to_dict("records"), key_names(frame)
    if len(lines) < 2:
        return []
    rows = [[_number(line.get(name)) for name in NUMBERS] for line in lines]
    known = [number for row in rows for number in row if number is not None]
    margin = 0.04 * (max(known) - min(known)) or 1.0
    least, most = max(0.0, min(known) - margin), max(known) + margin
    bars = []
    for line, row in zip(lines, rows, strict=True):
        at, *others = [None if number is None else round(100 * (number - least) / (most - least), 2) for number in row]
        interval = "" if row[1] is None else f" ({row[1]:.1f} to {row[2]:.1f})"
        bars.append(Bar(row_name(line, keys), f"{row[0]:.1f}{interval}", at or 0.0, *others))
    return bars


def _number(cell: Any) -> float | None:
    return None if cell is None or pd.isna(cell) else float(cell)
