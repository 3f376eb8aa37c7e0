"""What all tables share on their way to people: cells as text, and Markdown, HTML and a terminal around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from vita.core.files import write_text
from vita.core.plain_text import markdown, one_line
from vita.report.pages.html import note, page, table


@dataclass(frozen=True)
class ReadableTable:
    """A table as text under its title, with notes below.

    classes: of its rows in HTML, "" for none.  predicted: headers of columns whose numbers are no measurements.
    """

    title: str
    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str]
    classes: Sequence[str] = ()
    predicted: Sequence[str] = ()

    def write(self, out: Path, latex: str, csv: str) -> str:
        """Write `out` (CSV) with .md, .tex and .html beside it; give the text to print."""
        parts = [f"# {markdown(self.title)}", grid(self.headers, self.rows, "github"), *map(markdown, self.notes)]
        write_text(out.with_suffix(".md"), "\n\n".join(parts) + "\n")
        write_text(out.with_suffix(".tex"), latex)
        body = table(self.headers, self.rows, self.classes, predicted=self.predicted)
        write_text(out.with_suffix(".html"), page(self.title, body, *map(note, self.notes)))
        write_text(out, csv)
        return "\n\n".join([one_line(self.title), grid(self.headers, self.rows, "simple"), *self.notes])


def grid(headers: Sequence[str], rows: Sequence[Sequence[str]], style: str) -> str:
    """Cells in columns, a line each. style: "github" for Markdown, "simple" for a terminal."""
    plain = markdown if style == "github" else one_line
    cells = [[plain(cell) for cell in row] for row in (headers, *rows)]
    return tabulate(cells[1:], headers=cells[0], tablefmt=style, disable_numparse=True)


def texts(frame: pd.DataFrame) -> list[dict[str, str]]:
    """The cells of each line as text, by column: numbers with one decimal, differences with their sign, "" for none."""
    return [{str(name): _text(str(name), cell) for name, cell in line.items()} for line in frame.to_dict("records")]


def _text(column: str, cell: Any) -> str:
    if pd.isna(cell):
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        sign = "+" if column.startswith("difference") else ""
        return f"{round(cell, 1) + 0.0:{sign}.1f}"  # no -0.0
    return str(cell)
