"""What a folder of results has to show: tables, figures, claims and runs, whichever are there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd

from vita.core.config_base import load
from vita.core.contract import UserError
from vita.core.csv_table import read_csv
from vita.experiments.config import TableSpec
from vita.experiments.external import EXTERNAL_FILE
from vita.report.claims.pages import COLUMNS as CLAIM_COLUMNS
from vita.report.claims.pages import NUMBERS
from vita.report.pages.run_folder import RunFolder, read_run_folder, run_folders
from vita.report.tables.forms import ReadableTable, texts
from vita.report.tables.frames_table import read_frames_table, readable_frames
from vita.report.tables.inputs import read_runs
from vita.report.tables.table_file import read_readable, read_table

Content = TypeVar("Content")
BEYOND = "beyond the paper"
FRAMES = "table4"  # the table of frames, which has no scores


@dataclass(frozen=True)
class FoundTable:
    """One table. evidence: of its rows, paths of files with a space between.  spec: None where only the CSV is there.

    scores: the table's own frame; None of one that is not of scores.
    """

    name: str
    item: str
    readable: ReadableTable
    evidence: tuple[str, ...]
    scores: pd.DataFrame | None = None
    spec: TableSpec | None = None


@dataclass(frozen=True)
class FoundFigure:
    """One figure that the workflow drew."""

    name: str
    title: str
    caption: str
    picture: Path


@dataclass
class Found:
    """All that is there, in the order of the paper. problems: of what is there and cannot be read, a line each."""

    root: Path
    tables: list[FoundTable] = field(default_factory=list)
    figures: list[FoundFigure] = field(default_factory=list)
    claims: pd.DataFrame | None = None
    runs: list[RunFolder] = field(default_factory=list)
    external: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def tiers(self) -> list[str]:
        """Of the tables and runs, each once."""
        of_tables = [table.spec.tier for table in self.tables if table.spec]
        return list(dict.fromkeys([*of_tables, *(run.words[0] for run in self.runs)]))

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.tables or self.figures or self.runs or self.external or self.claims is not None)


def find_results(root: Path) -> Found:
    """Read a folder of results. What is damaged is named among the problems. Raises UserError when there is nothing."""
    found = Found(root)
    for spec_file in sorted(root.glob("tables/*/*/spec.yaml")):
        _attempt(found, _add_item, spec_file)
    known = {table.name for table in found.tables}
    for path in sorted(root.glob("*.csv")):
        if path.is_file() and path.stem not in known and _is_scores(path):
            _attempt(found, _add_plain, path)
    if (root / f"{FRAMES}.csv").exists():
        _attempt(found, _add_frames, root / f"{FRAMES}.csv")
    if (root / "claims.csv").exists():
        _attempt(found, _add_claims, root / "claims.csv")
    for folder in run_folders(root):
        _attempt(found, lambda found, folder: found.runs.append(read_run_folder(folder)), folder)
    found.external = sorted(path.parent for path in root.glob(f"external/*/*/scores/*/seed*/{EXTERNAL_FILE}"))
    found.tables.sort(key=lambda table: _order(table.item, table.name))
    found.figures.sort(key=lambda figure: _order(figure.title, figure.name))
    if found.is_empty:
        told = f" ({'; '.join(found.problems)})" if found.problems else ""
        raise UserError(
            f"{root}: there is nothing to report yet{told}; make a table first, such as results/table6.csv, or name "
            "another folder by --results"
        )
    return found


def _attempt(found: Found, add: Callable[[Found, Path], None], path: Path) -> None:
    try:
        add(found, path)
    except UserError as error:
        found.problems.append(str(error))


def _order(item: str, name: str) -> tuple[bool, list[int], str]:
    """By the paper's numbers, then what is beyond it."""
    numbers = [int(digits) for digits in re.findall(r"\d{1,9}", item.partition(":")[0])]
    return not numbers, numbers, name


def _add_item(found: Found, spec_file: Path) -> None:
    """A table or figure of the tier that was made last."""
    spec = load(TableSpec, spec_file)
    if spec.kind == "table":
        path = found.root / f"{spec.name}.csv"
        if not path.exists() or _tiers(path) not in (set(), {spec.tier}):
            return
        runs = read_runs(spec_file.with_name("runs.csv"))
        frame, readable = read_readable(path, spec, runs)
        evidence = tuple(frame["evidence"].fillna("").astype(str))
        found.tables.append(FoundTable(spec.name, spec.item, readable, evidence, frame, spec))
    for picture in _pictures(found.root, spec.name) if spec.kind != "table" else ():
        found.figures.append(FoundFigure(spec.name, f"{spec.item}: {spec.title}", spec.caption, picture))


def _pictures(root: Path, name: str) -> Iterator[Path]:
    return (path for path in (root / f"{name}.png", root / name / f"{name}.png") if path.exists())


def _tiers(path: Path) -> set[str]:
    return set(read_table(path)["tier"].dropna())


def _is_scores(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as lines:
        header = lines.readline().strip().split(",")
    return {"source", "AP", "n_seeds", "evidence"} <= set(header)


def _add_plain(found: Found, path: Path) -> None:
    """A table whose rows are all that is there of it."""
    frame = read_table(path)
    shown = [name for name in frame if name != "evidence" and frame[name].notna().any()]
    rows = [[line[str(name)] for name in shown] for line in texts(frame)]
    note = f"From {path.name} alone: what it was made of is not there."
    readable = ReadableTable(path.stem, [str(name).replace("_", " ") for name in shown], rows, [note])
    item = f"Table {path.stem.removeprefix('table')}" if re.match(r"table\d", path.stem) else BEYOND
    evidence = tuple(frame["evidence"].fillna("").astype(str))
    found.tables.append(FoundTable(path.stem, item, readable, evidence, frame))


def _add_frames(found: Found, path: Path) -> None:
    frame = read_frames_table(path)
    readable = readable_frames(frame)
    found.tables.append(FoundTable(path.stem, "Table 4", readable, tuple(frame["evidence"].fillna("").astype(str))))
    picture = path.with_name(f"{path.stem}_memory.png")
    if picture.exists():
        caption = "Memory over the number of frames, predicted from shapes; measurements are named in the legend."
        found.figures.append(FoundFigure(path.stem, "Table 4: Memory over frames", caption, picture))


def _add_claims(found: Found, path: Path) -> None:
    types = {name: float if name in (*NUMBERS, "n_seeds") else str for name in CLAIM_COLUMNS}
    found.claims = read_csv(path, "ledger of claims", "vita claims", CLAIM_COLUMNS, types)
