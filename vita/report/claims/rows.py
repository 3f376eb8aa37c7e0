"""The rows of the tables in force that a claim speaks of, and what is missing where one cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from vita.core.config_base import load
from vita.core.contract import UserError
from vita.experiments.config import Key, ResolvedRow, TableSpec
from vita.report.claims.schema import Scope
from vita.report.runs.server_scores import SERVER
from vita.report.tables.inputs import is_comparable, metrics_of, read_runs, runs_of

PAPER = "paper"  # the tier in which nothing stands in for the paper's model and data

NoVerdict = Literal["inconclusive", "predicted", "not run", "not comparable"]


class CannotTellError(Exception):
    """A claim that the results in force cannot be held against: the verdict, and why."""

    def __init__(self, verdict: NoVerdict, reason: str) -> None:
        super().__init__(reason)
        self.verdict: NoVerdict = verdict


@dataclass(frozen=True)
class ResultsTable:
    """One experiment of one tier: its rows, and one line for every run and inference variant that they need."""

    spec: TableSpec
    runs: pd.DataFrame


@dataclass(frozen=True)
class ScoredRow:
    """A row and its seeds with scores against one ground truth. failed: how many of its trainings ended in an error."""

    row: ResolvedRow
    runs: pd.DataFrame
    failed: int

    @property
    def by_server(self) -> bool:
        """Scores of a server come without the counts that a bootstrap needs."""
        return bool((self.runs["ground_truth"] == SERVER).all())

    @property
    def metrics(self) -> list[tuple[str, Path]]:
        """The folder and the metrics file of each seed."""
        return metrics_of(self.row, self.runs)

    @property
    def evidence(self) -> tuple[str, ...]:
        """Files that the scores come from."""
        return tuple(self.runs["directory"] if self.by_server else (path.as_posix() for _, path in self.metrics))


def read_tables(folders: Sequence[Path]) -> dict[str, ResultsTable]:
    """Tables by name, from folders with spec.yaml and runs.csv. Raises UserError on a name twice, or two tiers."""
    tables: dict[str, ResultsTable] = {}
    for folder in folders:
        spec = load(TableSpec, folder / "spec.yaml")
        if spec.name in tables:
            raise UserError(f"{folder}: table '{spec.name}' was named before; name each once, of one tier")
        tables[spec.name] = ResultsTable(spec, read_runs(folder / "runs.csv"))
    tiers = sorted({table.spec.tier for table in tables.values()})
    if len(tiers) > 1:
        raise UserError(f"--table: tables of the tiers {', '.join(tiers)}; a ledger is of one tier")
    return tables


def find_row(tables: dict[str, ResultsTable], table: str, key: Key, scope: Scope) -> ResolvedRow:
    """A row that was to be run. Raises CannotTellError for every other, UserError when the table has no such column."""
    if table not in tables:
        raise CannotTellError("not run", f"{table} is not among the tables given; results/{table}.csv makes it")
    spec = tables[table].spec
    unknown = sorted(set(key) - set(spec.columns)) if spec.rows else []
    if unknown:
        raise UserError(f"{table} has no column '{unknown[0]}'; it has {', '.join(spec.columns)}")
    row = next((row for row in spec.rows if row.key == key), None)
    if row is None:
        raise CannotTellError("not run", f"{table} has no row of ours {named(key)} in tier {spec.tier}")
    if scope == "numbers" and spec.tier != PAPER:
        raise CannotTellError(
            "not comparable", f"tier {spec.tier} has other models and data than the paper; tier {PAPER} has them"
        )
    if row.not_run:
        raise CannotTellError("not run", f"{table}, row {named(key)}: {row.not_run}")
    return row


def scored_row(tables: dict[str, ResultsTable], table: str, key: Key, scope: Scope) -> ScoredRow:
    """The row's trainings that were scored; for numbers, where the paper's are comparable. Raises as `find_row`."""
    row = find_row(tables, table, key, scope)
    lines = lines_of(row, tables[table])
    scored = lines[lines["AP"].notna()]
    if scored.empty:
        raise CannotTellError("not run", f"{table}, row {named(key)}: {_why_none(row, lines)}")
    groups = [group for _, group in scored.groupby("ground_truth")]
    usable = [group for group in groups if scope == "trend" or is_comparable(row, group)]
    if not usable:
        truths = ", ".join(sorted(scored["ground_truth"].unique()))
        raise CannotTellError(
            "not comparable", f"{table}, row {named(key)}: scored on {truths}, not on the official videos"
        )
    # Scores with counts first: they have intervals over videos.
    chosen = min(usable, key=lambda group: (group["ground_truth"].iloc[0] == SERVER, -len(group)))
    return ScoredRow(row, chosen, int((lines["status"] == "failed").sum()))


def lines_of(row: ResolvedRow, table: ResultsTable) -> pd.DataFrame:
    """All lines of a row, scored or not. Raises CannotTellError when there is none."""
    try:
        return runs_of(row, table.spec.tier, table.runs)
    except UserError as error:
        raise CannotTellError("not run", str(error)) from None


def _why_none(row: ResolvedRow, lines: pd.DataFrame) -> str:
    errors = [str(text) for text in lines.loc[lines["status"] == "failed", "error"].dropna().unique()]
    if errors or (lines["status"] == "failed").any():
        return f"failed: {'; '.join(errors) or 'no error message'}"
    return f"no scores of {row.method}, {row.variant}, {row.inference} on {row.dataset} yet"


def named(key: Key) -> str:
    """The cells of a key, as people read them."""
    return "(" + ", ".join(f"{name} {cell}" for name, cell in key.items()) + ")"
