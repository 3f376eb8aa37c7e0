"""Tables of the paper from tidy rows: means over seeds, the paper's numbers beside ours where it has any."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
from tabulate import tabulate

from vita.config_file import load
from vita.dataset_config import VALID
from vita.experiments.sections import ResolvedRow, TableSpec
from vita.files import write_text
from vita.report.inputs import read_published, read_runs, runs_of
from vita.report.runs import SCORES
from vita.report.server_scores import SERVER

Cells = dict[str, Any]


def build_table(spec: Path, runs_csv: Path, out: Path) -> str:
    """Write `out` (CSV) with .md and .tex beside it; give the text to print. Scores are points, 0..100.

    The same rows are the same bytes. Raises UserError naming a file, column or row that is missing.
    """
    table = load(TableSpec, spec)
    runs = read_runs(runs_csv)
    frame = table_frame(table, runs)
    notes = captions(table, frame, runs)
    cells = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    markdown = tabulate(cells, headers=list(frame.columns), tablefmt="github", disable_numparse=True)
    latex = tabulate(cells, headers=list(frame.columns), tablefmt="latex_booktabs", disable_numparse=True)
    heading = f"{table.title} (tier {table.tier})"
    write_text(out.with_suffix(".md"), "\n\n".join([f"# {heading}", markdown, *notes]) + "\n")
    write_text(out.with_suffix(".tex"), "\n".join([*(f"% {line}" for line in (heading, *notes)), latex]) + "\n")
    write_text(out, frame.round(4).to_csv(index=False))
    printed = tabulate(cells, headers=list(frame.columns), tablefmt="simple", disable_numparse=True)
    return "\n\n".join([heading, printed, *notes])


def table_frame(spec: TableSpec, runs: pd.DataFrame) -> pd.DataFrame:
    """One line a row of `spec` and ground truth: its key, mean scores, the deviation of AP, and the paper's numbers.

    Scores against different ground truth are never averaged; those of a server come last.
    """
    published = read_published(spec) if spec.published else None
    lines = []
    for row in spec.rows:
        ours = runs_of(row, spec.tier, runs)
        for truth in sorted(ours["ground_truth"].unique(), key=lambda name: (name == SERVER, name)):
            lines.append(_line(spec, row, ours[ours["ground_truth"] == truth], published))
    return pd.DataFrame(lines)


def _line(spec: TableSpec, row: ResolvedRow, ours: pd.DataFrame, published: pd.DataFrame | None) -> Cells:
    cells: Cells = {spec.key: str(row.key)}  # as written: 1.0 is a name here
    cells |= {score: ours[score].mean() for score in SCORES}
    cells |= {"AP_std": ours["AP"].std(ddof=1), "n_seeds": int(ours["AP"].count())}
    if published is not None:
        paper = published[published[spec.key] == str(row.key)]
        cells |= {f"paper_{score}": float(paper[score].iloc[0]) if len(paper) else math.nan for score in SCORES}
    cells |= {"ground_truth": ours["ground_truth"].iloc[0], "dataset": row.dataset, "tier": spec.tier}
    return cells | ({"comparable": _comparable(row, ours)} if published is not None else {})


def _comparable(row: ResolvedRow, ours: pd.DataFrame) -> bool:
    """Whether the paper's numbers are of the same model, data and ground truth, all of it."""
    truth = ours["ground_truth"].iloc[0]
    whole = truth == VALID and (row.valid_videos is None or bool((ours["videos"] == row.valid_videos).all()))
    return row.as_paper and (whole or truth == SERVER)


def captions(spec: TableSpec, frame: pd.DataFrame, runs: pd.DataFrame) -> list[str]:
    """What a reader must know to read the numbers right."""
    data = ", ".join(sorted({row.dataset for row in spec.rows}))
    seeds = sorted(set(frame["n_seeds"]))
    counts = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    over = "one seed" if seeds == [1] else f"means over {counts} seeds"
    truth = "; ".join(dict.fromkeys(frame["ground_truth"]))
    notes = [f"Tier {spec.tier}, data set {data}; {over}, points 0-100. AP_std: over seeds. Ground truth: {truth}."]
    if SERVER in set(frame["ground_truth"]):
        notes.append("Rows of the ground truth `server`: scores that an evaluation server gave, in results/server/.")
    if "comparable" in frame and not frame["comparable"].all():
        notes.append("The paper's numbers stand beside rows that are NOT comparable: other data, model or labels.")
    used = pd.concat([runs_of(row, spec.tier, runs) for row in spec.rows])
    digests = _versions(used)
    if digests:
        notes.append(f"Warning: these runs come from different versions of the source: {', '.join(digests)}.")
    return notes


def _versions(runs: pd.DataFrame) -> list[str]:
    """Digests of the source, if runs differ in that of the harness or, within a method, in that of the method."""
    digests = runs["source_digest"].dropna()
    harness = digests.str.partition("+")[0]
    differ = harness.nunique() > 1 or (digests.groupby(runs["method"]).nunique() > 1).any()
    return sorted(digests.unique()) if differ else []


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.1f}"
    return str(value)
