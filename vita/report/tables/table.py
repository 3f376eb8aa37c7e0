"""Tables of the paper from tidy rows: means over seeds, what may be said of them, and the paper's numbers beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vita.core.config_base import load
from vita.core.csv_table import csv_text
from vita.evaluation.main_scores import OFFICIAL_SCORES, SCORES
from vita.experiments.config import ResolvedRow, TableSpec
from vita.experiments.external import EXTERNAL
from vita.experiments.paper_numbers import PUBLISHED
from vita.report.runs.probe_records import Probe, find_probe, read_probes
from vita.report.runs.server_scores import SERVER
from vita.report.tables.frames_table import NOT_AVAILABLE, published_frames
from vita.report.tables.further_columns import further_means
from vita.report.tables.inputs import is_comparable, metrics_of, read_published, read_runs, runs_of
from vita.report.tables.latex import as_latex
from vita.report.tables.notes import captions
from vita.report.tables.row_statistics import RowDifference, RowScores, compare, mean_interval, read_row_scores
from vita.report.tables.rows import TableRow, key_columns, rows_in_order
from vita.report.tables.table_file import key_names, typed
from vita.report.tables.text import readable

Cells = dict[str, Any]
STATISTICS = ("AP_std", "n_seeds", "videos", "AP_low", "AP_high")
DIFFERENCE = ("difference", "difference_low", "difference_high", "difference_p", "verdict", "smallest_difference")
PAPER = tuple(f"paper_{score}" for score in OFFICIAL_SCORES)
ORIGIN = ("failed", "error", "ground_truth", "dataset", "tier", "comparable", "evidence")
DECIMALS = 4


def build_table(spec_file: Path, runs_csv: Path, out: Path, probes: Sequence[Path] = ()) -> str:
    """Write `out` (CSV) with .md, .tex and .html beside it; give the text to print. Scores are points, 0..100.

    probes: records for the columns of frames.  The same rows are the same bytes. Raises UserError naming a file, column
    or row that is missing.
    """
    spec, runs = load(TableSpec, spec_file), read_runs(runs_csv)
    frame = table_frame(spec, runs, read_probes(probes)).round(DECIMALS)  # so that all forms round the same numbers
    notes, keys = captions(spec, frame, runs), key_names(frame)
    table = readable(spec, frame, keys, notes)
    return table.write(out, as_latex(table.title, spec, frame, keys, notes), csv_text(frame))


def table_frame(spec: TableSpec, runs: pd.DataFrame, probes: Sequence[Probe] = ()) -> pd.DataFrame:
    """One line a row and ground truth, its columns and their types as docs/tables.md says.

    Scores against different ground truth are never averaged; those of a server come last.
    """
    published = read_published(spec)
    rows = rows_in_order(spec, published)
    scores = {truth: _RowsOnOneTruth(spec, truth, runs) for truth in _truths(runs)}
    lines = [_frames(spec, row, probes) | line for row in rows for line in _lines_of(spec, row, runs, scores)]
    return typed(pd.DataFrame(lines, columns=_columns(spec, key_columns(spec, published))))


class _RowsOnOneTruth:
    """Scores of a table's rows against one ground truth, read once."""

    def __init__(self, spec: TableSpec, truth: str, runs: pd.DataFrame) -> None:
        self.spec, self._truth, self._runs = spec, truth, runs
        self._read: dict[str, RowScores | None] = {}

    def of(self, row: ResolvedRow) -> RowScores | None:
        """None where the row has no scores, or scores without counts, as a server's."""
        if str(row.key) not in self._read:
            lines = pd.DataFrame() if row.not_run else self._scored(row)
            no_counts = lines.empty or self._truth == SERVER
            self._read[str(row.key)] = None if no_counts else read_row_scores(metrics_of(row, lines))
        return self._read[str(row.key)]

    def difference(self, row: ResolvedRow) -> RowDifference | None:
        """AP of the row less that of the row it is compared with."""
        reference = self.spec.reference_of(row)
        ours, theirs = self.of(row), self.of(reference) if reference is not None else None
        if reference == row or ours is None or theirs is None:
            return None
        return compare(ours, theirs, "ap")

    def _scored(self, row: ResolvedRow) -> pd.DataFrame:
        lines = runs_of(row, self.spec.tier, self._runs)
        return lines[lines["AP"].notna() & (lines["ground_truth"] == self._truth)]


def _truths(runs: pd.DataFrame) -> list[str]:
    return sorted(runs["ground_truth"].dropna().unique(), key=lambda name: (name == SERVER, name))


def _columns(spec: TableSpec, keys: list[str]) -> list[str]:
    difference = DIFFERENCE if spec.reference is not None else ()
    in_paper = ("in_paper",) if spec.reported else ()
    frames = ("max_frames", "paper_max_frames") if spec.max_frames else ()
    paper = PAPER if spec.published is not None else ()
    columns = [*keys, "source", *SCORES, *spec.scores, *STATISTICS, *difference, *paper, *in_paper, *frames, *ORIGIN]
    return list(dict.fromkeys(columns))


def _lines_of(spec: TableSpec, row: TableRow, runs: pd.DataFrame, scores: dict[str, _RowsOnOneTruth]) -> list[Cells]:
    paper = {f"paper_{score}": float(number) for score, number in row.paper.items()}
    common: Cells = {**row.key, **paper, "in_paper": row.in_paper, "tier": spec.tier}
    if row.ours is None:
        return [common | {"source": "reported", "evidence": f"{PUBLISHED.name}/{spec.published}", "tier": ""}]
    if row.ours.not_run is not None:
        return [common | {"source": row.ours.not_run}]
    lines = runs_of(row.ours, spec.tier, runs)
    failed = lines[lines["status"] == "failed"]
    common |= {"dataset": row.ours.dataset, "failed": len(failed), "error": _errors(failed)}
    scored = lines[lines["AP"].notna()]
    if scored.empty:
        return [common | {"source": "failed" if len(failed) else "not evaluated"}]
    return [
        common | _ours(row.ours, scored[scored["ground_truth"] == truth], on_truth)
        for truth, on_truth in scores.items()
        if (scored["ground_truth"] == truth).any()
    ]


def _ours(row: ResolvedRow, lines: pd.DataFrame, on_truth: _RowsOnOneTruth) -> Cells:
    """What our runs, or results of others, say, all scored against one ground truth."""
    by_server = bool((lines["ground_truth"] == SERVER).all())
    source = "ours" if row.external is None else EXTERNAL
    cells: Cells = {"source": source, **{score: lines[score].mean() for score in SCORES}}
    cells |= {"AP_std": lines["AP"].std(ddof=1), "n_seeds": len(lines)}
    found = on_truth.of(row)
    if found is not None:
        interval = mean_interval(found, "ap")
        cells |= {"videos": found.videos_that_count}
        cells |= {"AP_low": interval.low, "AP_high": interval.high} if interval is not None else {}
        cells |= further_means(on_truth.spec.scores, [path for _, path in metrics_of(row, lines)])
    evidence = lines["directory"] if by_server else [path.as_posix() for _, path in metrics_of(row, lines)]
    cells |= {"ground_truth": lines["ground_truth"].iloc[0], "comparable": is_comparable(row, lines)}
    return cells | {"evidence": " ".join(evidence)} | _difference(row, on_truth)


def _difference(row: ResolvedRow, on_truth: _RowsOnOneTruth) -> Cells:
    if on_truth.spec.reference_of(row) == row:
        return {"verdict": "reference"}
    difference = on_truth.difference(row)
    if difference is None:
        return {"verdict": ""}
    found = difference.found
    numbers = (found.score, found.low, found.high, difference.p, difference.verdict, difference.smallest_to_show)
    return dict(zip(DIFFERENCE, numbers, strict=True))


def _frames(spec: TableSpec, row: TableRow, probes: Sequence[Probe]) -> Cells:
    """How many frames of the released VITA fit into 12 GiB with the row's share of frame queries, and windows of 6."""
    if not spec.max_frames:
        return {}
    cells = {"method": "VITA", "window": "6", "prune_ratio": row.key.get("ratio", "")}
    probe = find_probe(probes, cells)
    ours = NOT_AVAILABLE if probe is None else str(probe.measured or f"{probe.predicted[1]} predicted")
    return {"max_frames": ours, "paper_max_frames": published_frames(cells)}


def _errors(failed: pd.DataFrame) -> str:
    return "; ".join(f"seed {seed}: {error}" for seed, error in zip(failed["seed"], failed["error"], strict=True))
