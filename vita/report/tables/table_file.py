"""A table of scores read back from the CSV that was made of it, as it stands in memory before it is written."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vita.core.contract import UserError
from vita.core.csv_table import read_csv
from vita.evaluation.main_scores import SCORES
from vita.experiments.config import TableSpec
from vita.report.tables.forms import ReadableTable
from vita.report.tables.inputs import SOURCES
from vita.report.tables.notes import captions
from vita.report.tables.text import readable

WHOLE_NUMBERS = ("n_seeds", "videos", "failed")
FLAGS = ("comparable", "in_paper")
TRUTH = {"True": True, "False": False, True: True, False: False}  # a column of one or the other is read as such
TEXTS = ("source", "verdict", "error", "ground_truth", "dataset", "tier", "evidence", "max_frames", "paper_max_frames")


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame of a table with the types that docs/tables.md says."""
    types: dict[str, str] = dict.fromkeys(WHOLE_NUMBERS, "Int64") | {"comparable": "boolean"}
    return frame.astype({name: kind for name, kind in types.items() if name in frame})


def key_names(frame: pd.DataFrame) -> list[str]:
    """Names of the cells that name a row: all columns before `source`."""
    return [str(name) for name in frame.columns[: frame.columns.get_loc("source")]]


def read_table(path: Path) -> pd.DataFrame:
    """What `vita table build` wrote to `path`. Raises UserError where that is no such table."""
    names = [str(name) for name in read_csv(path, "table", "vita table build", ("source", *SCORES, "evidence"))]
    text: dict[str, type] = dict.fromkeys([*names[: names.index("source")], *TEXTS], str)
    numbers: dict[str, type] = dict.fromkeys([*SCORES, *WHOLE_NUMBERS], float)
    frame = read_csv(path, "table", "vita table build", types=text | numbers)
    if frame.empty:
        raise UserError(f"{path}: a table without rows; `vita table build` writes it")
    flags = {name: frame[name].map(TRUTH) for name in FLAGS if name in frame}
    return typed(frame.assign(**flags))


def read_readable(path: Path, spec: TableSpec, runs: pd.DataFrame) -> tuple[pd.DataFrame, ReadableTable]:
    """The table at `path` and its readable form, the same as the one beside it. Raises UserError as `read_table`."""
    frame = read_table(path)
    return frame, readable(spec, frame, key_names(frame), captions(spec, frame, runs))


def scored(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines that have scores of ours, or of results that were imported."""
    return frame[frame["source"].isin(SOURCES) & frame["AP"].notna()]
