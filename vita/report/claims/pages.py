"""The ledger as files: CSV with every detail, Markdown and HTML to read, a few lines for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tabulate import tabulate

from vita.core.files import write_text
from vita.report.claims.ledger import VERDICTS, Entry, build_entries
from vita.report.pages import html

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
MEANING = {
    "reproduced": "the interval lies wholly inside what the claim says",
    "not reproduced": "the interval lies wholly outside",
    "inconclusive": "the interval spans a threshold, or there are too few trainings for one",
    "not run": "what is missing is named",
    "not comparable": "the claim needs the paper's model and data",
    "predicted": "the claim is about a card; a prediction is there, which only a measurement could confirm",
}


def build_ledger(folders: Sequence[Path], models: Path, out: Path, probes: Sequence[Path] = ()) -> str:
    """Write `out` (CSV) with .md and .html beside it; give the text to print. Raises UserError as `build_entries`."""
    entries = build_entries(folders, models, probes)
    write_text(out, ledger_frame(entries).to_csv(index=False, float_format="%.4f"))
    write_text(out.with_suffix(".md"), markdown(entries))
    write_text(out.with_suffix(".html"), document(entries))
    return terminal(entries)


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
    sections = ["# Claims of the paper", summary(entries)]
    for verdict, group in _groups(entries):
        headers, rows = _rows(group)
        rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
        shown = tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)
        sections += [f"## {_heading(verdict, group)}", f"{MEANING[verdict].capitalize()}.", shown]
    listed = [f"- {', '.join(names)}: {reason}" for reason, names in _tolerances(entries).items()]
    return "\n\n".join([*sections, "## Why the tolerances", "\n".join(listed)]) + "\n"


def document(entries: Sequence[Entry]) -> str:
    """As `markdown`, a page of the report."""
    sections = [html.note(summary(entries))]
    for verdict, group in _groups(entries):
        look = {"not reproduced": "failed", **dict.fromkeys(UNDECIDED, "missing")}.get(verdict, "")
        headers, rows = _rows(group)
        sections += [html.heading(_heading(verdict, group)), html.note(f"{MEANING[verdict].capitalize()}.")]
        sections.append(html.table(headers, rows, [look] * len(rows)))
    reasons = [[", ".join(names), reason] for reason, names in _tolerances(entries).items()]
    sections += [html.heading("Why the tolerances"), html.table(("claims", "reason"), reasons)]
    return html.page("Claims of the paper", *sections)


def terminal(entries: Sequence[Entry]) -> str:
    """One line a claim that was held against something, and the summary."""
    decided = [entry for entry in entries if entry.shown is not None]
    rows = [[entry.id, _should_be(entry), *_found(entry), entry.verdict] for entry in decided]
    headers = ("claim", "should be", *FOUND, "verdict")
    shown = tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True)
    return "\n\n".join([*([shown] if rows else []), summary(entries)])


def _line(entry: Entry) -> list[object]:
    shown, claim = entry.shown, entry.claim
    numbers = [None] * 4 if shown is None else [shown.value, shown.low, shown.high, shown.seeds]
    dataset = shown.dataset if shown else ""
    about = [entry.id, claim.where, claim.text, claim.scope, entry.tier, dataset, _should_be(entry)]
    return [*about, *numbers, entry.verdict, _why(entry), " ".join(entry.evidence)]


def _rows(group: Sequence[Entry]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells, without the columns of what was found where nothing was."""
    about = [[entry.claim.text, entry.claim.where, _should_be(entry)] for entry in group]
    found = [_found(entry) if any(one.shown for one in group) else [] for entry in group]
    headers = [*ABOUT, *(FOUND if found[0] else ()), "why"]
    whole = zip(about, found, group, strict=True)
    return headers, [[*first, *second, _why(entry)] for first, second, entry in whole]


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


def _groups(entries: Sequence[Entry]) -> list[tuple[str, list[Entry]]]:
    found = [(verdict, [entry for entry in entries if entry.verdict == verdict]) for verdict in VERDICTS]
    return [(verdict, group) for verdict, group in found if group]


def _heading(verdict: str, group: Sequence[Entry]) -> str:
    return f"{verdict.capitalize()} ({len(group)})"


def _tolerances(entries: Sequence[Entry]) -> dict[str, list[str]]:
    """Claims by the reason of their tolerance."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        reason = getattr(entry.claim.predicate, "because", None)
        if reason:
            found.setdefault(reason, []).append(entry.id)
    return found
