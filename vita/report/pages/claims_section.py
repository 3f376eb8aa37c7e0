"""The claims of the paper with their verdicts, each with the trainings that it was held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from markupsafe import Markup

from vita.report.claims.ledger import VERDICTS
from vita.report.claims.pages import LOOKS, MEANING
from vita.report.pages.html import Content, Links, render, table
from vita.report.pages.places import runs_behind, training_place

DECIDED = ("reproduced", "not reproduced", "inconclusive")
HEADERS = ("claim", "where", "should be", "found", "interval", "n", "verdict", "why", "trainings")
FOUND = ("found", "interval", "n")  # headers of what leads to its runs
MANY = 1000  # from here on a decimal tells nothing


def claims_section(claims: pd.DataFrame, shown: Sequence[tuple[str, ...]]) -> Markup:
    """Claims that were decided first; all others below, by the reason why they were not. shown: runs on the page."""
    counts = [(int((claims["verdict"] == verdict).sum()), verdict) for verdict in VERDICTS]
    decided, others = claims[claims["verdict"].isin(DECIDED)], claims[~claims["verdict"].isin(DECIDED)]
    parts = [(_table(part, shown) if len(part) else "", len(part)) for part in (decided, others)]
    return render(
        "claims_section.html.j2",
        tiers=", ".join(dict.fromkeys(claims["tier"].dropna())),
        total=len(claims),
        counts=[(count, verdict, MEANING[verdict]) for count, verdict in counts if count],
        decided=parts[0],
        others=parts[1],
    )


def _table(claims: pd.DataFrame, shown: Sequence[tuple[str, ...]]) -> Markup:
    ordered = sorted(claims.to_dict("records"), key=lambda line: VERDICTS.index(line["verdict"]))
    rows, hrefs = [], []
    for line in ordered:
        runs = runs_behind(_text(line["evidence"]), shown)
        places = {training_place(words): " ".join(words[2:-1]) for words in runs}
        links: Content = Links([(name, f"#{place}") for place, name in places.items()]) if runs else ""
        rows.append([*_cells(line), links])
        hrefs.append(f"#{next(iter(places))}" if places else "")
    return table(HEADERS, rows, [LOOKS.get(line["verdict"], "") for line in ordered], hrefs, FOUND)


def _cells(line: Mapping[Any, Any]) -> list[Content]:
    names = ("claim", "where", "predicate")
    return [
        *(_text(line[name]) for name in names),
        *_found(line),
        *(_text(line[name]) for name in ("verdict", "reason")),
    ]


def _found(line: Mapping[Any, Any]) -> list[Content]:
    value, low, high, trainings = (_number(line[name]) for name in ("value", "low", "high", "n_seeds"))
    if value is None:
        return ["", "", ""]
    interval = f"{low:.1f} to {high:.1f}" if low is not None and high is not None and low < high else ""
    found = f"{value:.0f}" if abs(value) >= MANY else f"{value:.1f}"
    return [found, interval, "" if trainings is None else f"{trainings:.0f}"]


def _number(cell: Any) -> float | None:
    return float(cell) if isinstance(cell, int | float) and pd.notna(cell) else None


def _text(cell: Any) -> str:
    return "" if pd.isna(cell) else str(cell)
