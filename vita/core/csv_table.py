"""Reading a CSV file that one of our commands wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from vita.core.contract import UserError


def read_csv(
    path: Path, what: str, writer: str, columns: Iterable[str] = (), types: Mapping[str, type] | None = None
) -> pd.DataFrame:
    """The file's rows. `what` it is and the command that is its `writer` are for messages.

    types: of columns, where they are not to be told from the cells. Raises UserError naming a file that is missing or
    not readable, or the first of `columns` that it lacks.
    """
    try:
        frame = pd.read_csv(path, dtype=types)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; `{writer}` writes it") from None
    except (OSError, ValueError) as error:  # damaged text and tables are ValueErrors
        raise UserError(f"{path}: not a readable {what} ({error}); `{writer}` writes it") from None
    missing = [name for name in columns if name not in frame]
    if missing:
        raise UserError(f"{path}: no column '{missing[0]}'; `{writer}` writes it")
    return frame
