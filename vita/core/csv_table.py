"""CSV files that our commands write, and read again."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.contract import UserError
from vita.core.plain_text import csv_cell, from_csv_cell

MOST = 1e300  # beyond it, sums of numbers are infinite
MOST_COLUMNS = 1000  # no table of ours has nearly as many


def read_csv(
    path: Path, what: str, writer: str, columns: Iterable[str] = (), types: Mapping[str, type] | None = None
) -> pd.DataFrame:
    """The file's rows. `what` it is and the command that is its `writer` are for messages.

    Only an empty cell is none, whatever words stand in others.

    types: of columns whose cells are known: text, numbers (float; a cell may be empty), whole numbers (int; none may).
    Raises UserError naming a file that is missing or not readable, the first of `columns` that it lacks, or a cell of
    another type.
    """
    types = types or {}
    texts = {name: str for name, kind in types.items() if kind is str}
    try:
        # Read here, where every end of a line is one: pandas loses a comma after a carriage return alone.
        text = path.read_text(encoding="utf-8-sig")
        _check_cells(text)
        frame = pd.read_csv(StringIO(text), dtype=texts, keep_default_na=False, na_values=[""])
        frame = _changed(frame, from_csv_cell)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `{writer}` writes it") from None
    except (OSError, ValueError, csv.Error) as error:  # damaged text and tables are ValueErrors
        raise UserError(f"{path}: not a readable {what} ({error}); `{writer}` writes it") from None
    missing = [name for name in columns if name not in frame]
    if missing:
        raise UserError(f"{path}: no column '{missing[0]}'; `{writer}` writes it")
    for name, kind in types.items():
        if kind is not str and name in frame:
            _check_numbers(frame[name], kind, f"{path}: not a readable {what}", writer)
    return frame


def _check_cells(text: str) -> None:
    """Raises ValueError on columns that pandas would take minutes to tell apart, or rename, and on a row of more cells.

    Of a first row that is longer than the head, pandas takes the first cells for names of rows, and shifts the others.
    """
    rows = (row for row in csv.reader(StringIO(text)) if row)
    head = next(rows, [])
    if len(head) > MOST_COLUMNS:
        raise ValueError(f"{len(head)} columns, of at most {MOST_COLUMNS}")
    twice = next((name for number, name in enumerate(head) if name in head[:number]), None)
    if twice is not None:
        raise ValueError(f"two columns are called {twice!r}")
    if any(len(row) > len(head) for row in rows):
        raise ValueError("rows have more cells than there are columns")


def _check_numbers(column: pd.Series, kind: type, where: str, writer: str) -> None:
    """Raises UserError with the first line whose cell is none."""
    # By their text: pandas makes numbers of True and False, and none of a whole number of hundreds of digits.
    numbers = pd.to_numeric(column.astype(str), errors="coerce")
    finite = numbers.between(-MOST, MOST)
    good = finite & (numbers == numbers.round()) if kind is int else finite | column.isna()
    if not good.all():
        line = int((~good).to_numpy().argmax())
        wanted = "a whole number" if kind is int else "a number"
        raise UserError(
            f"{where} (line {line + 2}: {column.name} is {str(column.iloc[line])!r}, which is not {wanted}); delete it "
            f"and run `{writer}` again"
        )


def csv_text(frame: pd.DataFrame, float_format: str | None = None) -> str:
    """The rows as CSV, without the index; no text of it is a formula to a spreadsheet. `read_csv` gives it back."""
    text: str = _changed(frame, csv_cell).to_csv(index=False, float_format=float_format, lineterminator="\n")
    return text


def _changed(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    """Text in cells and in the names of columns; types of columns stay."""

    def of_cell(cell: Any) -> Any:
        return change(cell) if isinstance(cell, str) else cell

    columns = {}
    for name in frame:
        column = frame[name]
        if isinstance(column.dtype, pd.StringDtype) or column.dtype == object:
            column = pd.Series([of_cell(cell) for cell in column], index=frame.index, dtype=column.dtype)
        columns[of_cell(name)] = column
    return pd.DataFrame(columns, index=frame.index)
