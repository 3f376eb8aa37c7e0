"""What tables are made from: the tidy rows of our runs, and the paper's numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vita.core.contract import UserError
from vita.core.csv_table import read_csv
from vita.core.dataset_config import VALID
from vita.experiments.config import ResolvedRow, TableSpec
from vita.experiments.external import EXTERNAL
from vita.experiments.paper_numbers import published_file
from vita.report.runs.server_scores import SERVER
from vita.report.runs.tidy_rows import COLUMNS, TYPES

SOURCES = ("ours", EXTERNAL)  # of rows that were scored here
WEIGHTS = ("dataset", "method", "backbone", "variant")  # which, with tier and seed, name a training


def read_runs(path: Path) -> pd.DataFrame:
    """The rows that `collect_runs` wrote. Raises UserError naming a missing file or column."""
    return read_csv(path, "list of runs", "vita table runs", COLUMNS, TYPES)


def read_published(spec: TableSpec) -> pd.DataFrame | None:
    """The paper's numbers as text, empty where it has none; None for a table that has no such file.

    Raises UserError when there is no such file, or when it shares no column with the keys of the table's rows.
    """
    if spec.published is None:
        return None
    path = published_file(spec.published, f"table '{spec.name}': ")
    published = pd.read_csv(path, dtype=str, keep_default_na=False)
    if spec.rows and not set(spec.columns) & set(published):
        raise UserError(f"{path}: none of the columns {', '.join(spec.columns)}")
    return published


def runs_of(row: ResolvedRow, tier: str, runs: pd.DataFrame) -> pd.DataFrame:
    """All lines of one row, finished or failed, of its seeds. Raises UserError when there is none."""
    lines = lines_of_weights(row, tier, runs)
    chosen = lines[lines["inference"] == row.inference]
    if chosen.empty:
        wanted = {"tier": tier} | {name: getattr(row, name) for name in (*WEIGHTS, "inference")}
        names = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise UserError(f"no run for the row {row.key} ({names}); train and evaluate it first")
    return chosen


def lines_of_weights(row: ResolvedRow, tier: str, runs: pd.DataFrame) -> pd.DataFrame:
    """All lines of the trainings of one row's seeds, under any inference variant; perhaps none."""
    wanted = pd.Series({"tier": tier} | {name: getattr(row, name) for name in WEIGHTS})
    return runs[(runs[list(wanted.index)] == wanted).all(axis=1) & runs["seed"].isin(row.seeds)]


def metrics_of(row: ResolvedRow, lines: pd.DataFrame) -> list[tuple[str, Path]]:
    """The folder and the metrics file of each seed's run. Raises UserError where a line names no folder."""
    if lines["directory"].isna().any():
        raise UserError(f"runs of the row {row.key}: a line names no folder; run `vita table runs` again")
    return [(folder, Path(folder) / "metrics" / f"{row.inference}.json") for folder in lines["directory"]]


def is_comparable(row: ResolvedRow, ours: pd.DataFrame) -> bool:
    """Whether the paper's numbers are of the same model, data and ground truth, all of it."""
    truth = ours["ground_truth"].iloc[0]
    whole = truth == VALID and (row.valid_videos is None or bool((ours["videos"] == row.valid_videos).all()))
    return row.as_paper and (whole or truth == SERVER)
