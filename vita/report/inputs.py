"""What tables are made from: the tidy rows of our runs, and the paper's numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vita.contract import UserError
from vita.experiments.sections import ResolvedRow, TableSpec
from vita.report.runs import COLUMNS, SCORES

PUBLISHED = Path(__file__).parent / "published"


def read_runs(path: Path) -> pd.DataFrame:
    """The rows that `collect_runs` wrote. Raises UserError naming a missing file or column."""
    try:
        runs = pd.read_csv(path, dtype={"source_digest": str})
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `vita table runs` writes it") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a CSV file: {error}") from None
    missing = [column for column in COLUMNS if column not in runs]
    if missing:
        raise UserError(f"{path}: no column '{missing[0]}'; `vita table runs` writes it")
    return runs


def read_published(spec: TableSpec) -> pd.DataFrame:
    """The paper's numbers, the key as text. Raises UserError when there is no such file or column."""
    path = PUBLISHED / str(spec.published)
    if not path.is_file():
        known = ", ".join(sorted(file.name for file in PUBLISHED.glob("*.csv")))
        raise UserError(f"table '{spec.name}': published file '{spec.published}' is not known; allowed: {known}")
    published = pd.read_csv(path, dtype={spec.key: str})
    missing = [column for column in (spec.key, *SCORES) if column not in published]
    if missing:
        raise UserError(f"{path}: no column '{missing[0]}'")
    return published


def runs_of(row: ResolvedRow, tier: str, runs: pd.DataFrame) -> pd.DataFrame:
    """The seeds of one row that finished with scores. Raises UserError when there is none."""
    wanted = {
        "tier": tier,
        "dataset": row.dataset,
        "method": row.method,
        "backbone": row.backbone,
        "variant": row.variant,
        "inference": row.inference,
    }
    chosen = runs[(runs[list(wanted)] == pd.Series(wanted)).all(axis=1) & runs["AP"].notna()]
    if chosen.empty:
        names = ", ".join(f"{key} {value}" for key, value in wanted.items())
        raise UserError(f"no evaluated run for the row '{row.key}' ({names}); train and evaluate it first")
    return chosen
