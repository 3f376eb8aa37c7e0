"""The ledger as files: CSV with every detail, Markdown and HTML to read, a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from vita.core.csv_table import csv_text
from vita.core.files import write_text
from vita.report.claims.ledger import VERDICTS, Entry, build_entries
from vita.report.pages import html
from vita.report.tables.forms import ReadableTable, grid

COLUMNS = (
    "id",
    "where",
    "claim",
    "scope",
    "tier",
    "dataset",
    "predicate",
    "value",
    "low",
    "high",
    "n_seeds",
    "verdict",
    "reason",
    "evidence",
)
NUMBERS = ("value", "low", "high")
ABOUT = ("claim", "where", "should be")
FOUND = ("found", "interval", "n")
MANY = 1000  # from here on a decimal tells nothing
UNDECIDED = ("not run", "not comparable", "predicted")
LOOKS = {"not reproduced": "failed", **dict.fromkeys(UNDECIDED, "missing")}  # of rows in HTML
MEANING = {
    "reproduced": "the interval lies wholly inside what the claim says",
    "not reproduced": "the interval lies wholly outside",
    "inconclusive": "the interval spans a threshold, or there are too few trainings for one",
    "not run": "what is missing is named",
    "not comparable": "the claim needs the paper's model and data",
    "predicted": "the claim is about a card; a prediction is there, which only a measurement could confirm",
}


def build_ledger(folders: Sequence[Path], models: Path, out: Path, probes: Sequence[Path] = ()) -> list[Entry]:
    """Write `out` (CSV) with .md and .html beside it; give what they hold. Raises UserError as `build_entries`."""
    entries = build_entries(folders, models, probes)
    write_text(out, csv_text(ledger_frame(entries), float_format="%.4f"))
    write_text(out.with_suffix(".md"), markdown(entries))
    write_text(out.with_suffix(".html"), document(entries))
    return entries


def ledger_frame(entries: Sequence[Entry]) -> pd.DataFrame:
    """One line a claim. `value`, `low` and `high` are in the unit of `predicate`: points, percent, or counts."""
    frame = pd.DataFrame([_line(entry) for entry in entries], columns=list(COLUMNS))
    return frame.astype({"n_seeds": "Int64", **dict.fromkeys(NUMBERS, float)})


def summary(entries: Sequence[Entry]) -> str:
    """How many claims have each verdict."""
    counted = [(sum(entry.verdict == verdict for entry in entries), verdict) for verdict in VERDICTS]
    tier = next((entry.tier for entry in entries), "")
    return f"{len(entries)} claims, tier {tier}: " + ", ".join(f"{count} {verdict}" for count, verdict in counted) + "."


def markdown(entries: Sequence[Entry]) -> str:
    """A table for each verdict."""
    parts = ["# Claims of the paper", summary(entries)]
    for section in _sections(entries):
        parts += [f"## {section.title}", *section.notes, grid(section.headers, section.rows, "github")]
    listed = [f"- {', '.join(names)}: {reason}" for reason, names in _tolerances(entries).items()]
    return "\n\n".join([*parts, "## Why the tolerances", "\n".join(listed)]) + "\n"


def document(entries: Sequence[Entry]) -> str:
    """As `markdown`, a page of the report."""
    parts = [html.note(summary(entries))]
    for section in _sections(entries):
        parts += [html.heading(section.title), *map(html.note, section.notes)]
        parts.append(html.table(section.headers, section.rows, section.classes))
    reasons = [[", ".join(names), reason] for reason, names in _tolerances(entries).items()]
    parts += [html.heading("Why the tolerances"), html.table(("claims", "reason"), reasons)]
    return html.page("Claims of the paper", *parts)


def terminal(entries: Sequence[Entry]) -> str:
    """One line a claim that was held against something, and the summary."""
    decided = [entry for entry in entries if entry.shown is not None]
    rows = [[entry.id, _should_be(entry), *_found(entry), entry.verdict] for entry in decided]
    headers = ("claim", "should be", *FOUND, "verdict")
    return "\n\n".join([*([grid(headers, rows, "simple")] if rows else []), summary(entries)])


def ledger_json(entries: Sequence[Entry]) -> list[dict[str, object]]:
    """The lines of the CSV file, by its columns; null where there is nothing."""
    return [dict(zip(COLUMNS, _line(entry), strict=True)) for entry in entries]


def _line(entry: Entry) -> list[object]:
    shown, claim = entry.shown, entry.claim
    numbers = [None] * 4 if shown is None else [shown.value, shown.low, shown.high, shown.seeds]
    dataset = shown.dataset if shown else ""
    about = [entry.id, claim.where, claim.text, claim.scope, entry.tier, dataset, _should_be(entry)]
    return [*about, *numbers, entry.verdict, _why(entry), " ".join(entry.evidence)]


def _sections(entries: Sequence[Entry]) -> Iterator[ReadableTable]:
    """The claims of each verdict, without the columns of what was found where nothing was."""
    for verdict in VERDICTS:
        group = [entry for entry in entries if entry.verdict == verdict]
        some_found = any(entry.shown for entry in group)
        headers = (*ABOUT, *(FOUND if some_found else ()), "why")
        rows = [[*_about(entry), *(_found(entry) if some_found else ()), _why(entry)] for entry in group]
        look = LOOKS.get(verdict, "")
        title, notes = f"{verdict.capitalize()} ({len(group)})", [f"{MEANING[verdict].capitalize()}."]
        if group:
            yield ReadableTable(title, headers, rows, notes, [look] * len(rows))


def _about(entry: Entry) -> list[str]:
    return [entry.claim.text, entry.claim.where, _should_be(entry)]


def _found(entry: Entry) -> list[str]:
    """Value, interval, number of trainings."""
    shown = entry.shown
    if shown is None:
        return [""] * len(FOUND)
    has_interval = shown.low is not None and shown.high is not None and shown.low < shown.high
    interval = f"{shown.low:.1f} to {shown.high:.1f}" if has_interval else ""
    value = f"{shown.value:.0f}" if abs(shown.value) >= MANY else f"{shown.value:.1f}"
    return [value, interval, "" if shown.seeds is None else str(shown.seeds)]


def _why(entry: Entry) -> str:
    return f"{entry.reason}. {entry.claim.note}".strip() if entry.claim.note else entry.reason


def _should_be(entry: Entry) -> str:
    return f"{entry.claim.quantity} {entry.claim.predicate}"


def _tolerances(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Claims by the reason of their tolerance."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        reason = getattr(entry.claim.predicate, "because", None)
        if reason:
            found.setdefault(reason, []).append(entry.id)
    return found
