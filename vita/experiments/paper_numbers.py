"""The paper's published numbers, in the folder `published`: a CSV file for each of its tables."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from vita.core.contract import UserError

PUBLISHED = Path(__file__).parent / "published"


def has_number(file: str, key: Mapping[str, str | int | float]) -> bool:
    """Whether the paper states an AP for the row of a table with these cells; cells that the file lacks do not count.

    Raises UserError when there is no such file.
    """
    shared = [name for name in key if name in _lines(file)[0]]
    return any(line["AP"] and all(line[name] == str(key[name]) for name in shared) for line in _lines(file))


def published_file(name: str, where: str = "") -> Path:
    """A file of the paper's numbers. Raises UserError, which begins with `where`, naming those that there are."""
    known = {file.name: file for file in PUBLISHED.glob("*.csv")}
    if name not in known:
        raise UserError(f"{where}published file '{name}' is not known; allowed: {', '.join(sorted(known))}")
    return known[name]


@cache
def _lines(file: str) -> list[dict[str, str]]:
    with published_file(file).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
