"""A table of scores as people read it in Markdown, HTML and a terminal. The CSV holds more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from vita.evaluation.main_scores import SCORES
from vita.experiments.config import TableSpec
from vita.report.tables.forms import ReadableTable, texts
from vita.report.tables.inputs import SOURCES

Line = Mapping[str, str]

ONE_VIDEO = "one video"  # in the place of an interval
BEYOND = "beyond the paper"  # in the place of its number, where its table does not have the method
# Of rows in HTML; those of any other source are missing.
CLASSES = {"reported": "reported", "failed": "failed", **dict.fromkeys(SOURCES, "")}


def readable(spec: TableSpec, frame: pd.DataFrame, keys: Sequence[str], notes: Sequence[str]) -> ReadableTable:
    """Without columns that are empty. A reported row has the paper's numbers in the columns of the scores."""
    lines = [_cells(spec, line, keys) for line in texts(frame)]
    needed = [name for name in lines[0] if name in keys or any(line[name] for line in lines)]
    if all(line["source"] == "ours" for line in lines):
        needed.remove("source")
    item = "" if spec.item == "beyond the paper" else f"{spec.item}: "
    classes = [CLASSES.get(line["source"], "missing") for line in lines]
    rows = [[line[name] for name in needed] for line in lines]
    return ReadableTable(f"{item}{spec.title} (tier {spec.tier})", needed, rows, notes, classes)


def mean(line: Line, plus_minus: str) -> str:
    """AP with its deviation over seeds, where there is one, and the number of seeds; "" without a score."""
    deviation = f"{plus_minus}{line['AP_std']}" if line["AP_std"] else ""
    return f"{line['AP']}{deviation} ({line['n_seeds']})" if line["AP"] else ""


def interval(line: Line, pattern: str) -> str:
    """The interval of AP in a pattern of two places. One video has none, and says so."""
    if not line["AP_low"]:
        return ONE_VIDEO if line["videos"] == "1" else ""
    return pattern.format(line["AP_low"], line["AP_high"])


def is_beyond(line: Line) -> bool:
    """Whether a row's method is not one of the paper's table."""
    return line.get("in_paper") == "no"


def other_scores(line: Line) -> dict[str, str]:
    """The scores behind AP by name; of a reported row, the paper's."""
    prefix = "paper_" if line["source"] == "reported" else ""
    return {score: line.get(prefix + score, "") for score in SCORES[1:]}


def _cells(spec: TableSpec, line: Line, keys: Sequence[str]) -> dict[str, str]:
    reported = line["source"] == "reported"
    cells = {name: line[name] for name in keys} | {"source": line["source"]}
    cells["AP"] = line["paper_AP"] if reported else mean(line, " ± ")
    cells |= {"95 % interval": interval(line, "{} to {}"), **other_scores(line)}
    cells |= {score: line[score] for score in spec.scores}
    if "verdict" in line:
        cells |= {"difference": _difference(line), "verdict": line["verdict"]}
    if "paper_AP" in line:
        beyond = BEYOND if is_beyond(line) else ""
        cells["paper AP"] = "" if reported else line["paper_AP"] or beyond
        cells["comparable"] = line["comparable"] if line["paper_AP"] and not reported else ""
    if spec.max_frames:
        cells |= {"max frames": line["max_frames"], "paper max frames": line["paper_max_frames"]}
    return cells


def _difference(line: Line) -> str:
    if not line["difference_low"]:
        return line["difference"]
    return f"{line['difference']} [{line['difference_low']}, {line['difference_high']}]"
