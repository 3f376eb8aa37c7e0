"""Rows of a table in their order: ours, the paper's other rows as reported, and those that a tier does not run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from vita.evaluation.main_scores import SCORES
from vita.experiments.config import ResolvedRow, TableSpec

Cells = dict[str, str]
METHOD = "method"  # the cell that holds its title


@dataclass(frozen=True)
class TableRow:
    """One row. key: the cells that name it, as text.  ours: None for a row of the paper alone.  paper: its numbers.

    in_paper: whether the paper's table has the method at all.
    """

    key: Cells
    ours: ResolvedRow | None
    paper: Cells
    in_paper: bool = True


def rows_in_order(spec: TableSpec, published: pd.DataFrame | None) -> list[TableRow]:
    """With `reported`, the paper's order, and rows that the paper lacks after their like; else the experiment's."""
    return [_as_run(row) for row in _in_order(spec, published)]


def _as_run(row: TableRow) -> TableRow:
    """With what the tier really runs, where that is not what the paper's cells say."""
    changed = row.ours.as_run if row.ours else {}
    return replace(row, key=row.key | {name: f"{cell} (paper: {row.key[name]})" for name, cell in changed.items()})


def _in_order(spec: TableSpec, published: pd.DataFrame | None) -> list[TableRow]:
    ours = [TableRow({name: str(cell) for name, cell in row.key.items()}, row, {}) for row in spec.rows]
    if published is None:
        return ours
    lines = [{str(name): str(cell) for name, cell in line.items()} for line in published.to_dict("records")]
    shared = [str(name) for name in published if name in spec.columns]
    theirs = {tuple(line[name] for name in shared): line for line in lines} if shared else {}
    ours = [_with_paper(row, theirs.get(tuple(row.key.get(name, "") for name in shared), {})) for row in ours]
    if not spec.reported:
        return ours
    return _merged(spec, [_beyond(row, lines) for row in ours], lines, shared)


def _beyond(row: TableRow, lines: list[Cells]) -> TableRow:
    """With whether its method is one of the paper's table, where rows have one."""
    in_paper = METHOD not in row.key or any(row.key[METHOD] == line.get(METHOD) for line in lines)
    return replace(row, in_paper=in_paper)


def key_columns(spec: TableSpec, published: pd.DataFrame | None) -> list[str]:
    """Names of the cells before the scores: those of our rows, and what else the paper says of its own."""
    columns = [] if published is None or not spec.reported else [str(name) for name in published]
    extra = [name for name in columns if name not in SCORES]
    return [*(name for name in extra if name not in spec.columns), *spec.columns]


def _with_paper(row: TableRow, line: Cells) -> TableRow:
    extra = {name: cell for name, cell in line.items() if name not in SCORES}
    return TableRow({**extra, **row.key}, row.ours, {name: line[name] for name in SCORES if line.get(name)})


def _merged(spec: TableSpec, ours: list[TableRow], lines: list[Cells], shared: list[str]) -> list[TableRow]:
    found = {tuple(row.key.get(name, "") for name in shared): row for row in ours}
    merged: list[TableRow] = []
    for line in lines:
        match = found.pop(tuple(line[name] for name in shared), None) if shared else None
        merged.append(match or _with_paper(TableRow({}, None, {}), line))
    for row in found.values():
        merged.insert(_place(row, merged, spec.columns[:-1]), _as_alike(row, merged, spec.columns[:-1]))
    return merged


def _as_alike(row: TableRow, rows: list[TableRow], names: list[str]) -> TableRow:
    """With what the paper says of all rows with these cells, as of a method's rows its setting."""
    alike = [other.key for other in rows if other.paper and all(other.key.get(n) == row.key.get(n) for n in names)]
    agreed = {n: cell for n, cell in (alike[0] if alike else {}).items() if all(key.get(n) == cell for key in alike)}
    return replace(row, key=agreed | row.key)


def _place(row: TableRow, rows: list[TableRow], names: list[str]) -> int:
    """Behind the last of the rows that share most of these cells; the end when none shares any."""
    alike = [sum(row.key.get(name) == other.key.get(name) for name in names) for other in rows]
    best = max(alike, default=0)
    return len(rows) - alike[::-1].index(best) if best else len(rows)
