"""A table as people read it: Markdown, HTML and a terminal. The CSV holds more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from tabulate import tabulate

from vita.evaluation.main_scores import SCORES
from vita.experiments.config import TableSpec
from vita.report.pages.html import note, page, table

ONE_VIDEO = "one video"  # in the place of an interval
CLASSES = {"reported": "reported", "failed": "failed", "ours": ""}  # of HTML rows; any other source is missing


def as_markdown(spec: TableSpec, frame: pd.DataFrame, keys: Sequence[str], notes: Sequence[str]) -> str:
    """A heading, the table and its notes."""
    headers, cells = shown(spec, frame, keys)
    body = tabulate(cells, headers=headers, tablefmt="github", disable_numparse=True)
    return "\n\n".join([f"# {title(spec)}", body, *notes]) + "\n"


def as_html(spec: TableSpec, frame: pd.DataFrame, keys: Sequence[str], notes: Sequence[str]) -> str:
    """A page that stands by itself; rows that are not ours are grey."""
    headers, cells = shown(spec, frame, keys)
    classes = [CLASSES.get(source, "missing") for source in frame["source"]]
    return page(title(spec), table(headers, cells, classes), *map(note, notes))


def as_printed(spec: TableSpec, frame: pd.DataFrame, keys: Sequence[str], notes: Sequence[str]) -> str:
    """For a terminal."""
    headers, cells = shown(spec, frame, keys)
    body = tabulate(cells, headers=headers, tablefmt="simple", disable_numparse=True)
    return "\n\n".join([title(spec), body, *notes])


def title(spec: TableSpec) -> str:
    """The heading, with the tier that the numbers are of."""
    item = "" if spec.item == "beyond the paper" else f"{spec.item}: "
    return f"{item}{spec.title} (tier {spec.tier})"


def shown(spec: TableSpec, frame: pd.DataFrame, keys: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells. A reported row has the paper's numbers in the columns of the scores."""
    lines = [_line(spec, line, keys) for line in frame.to_dict("records")]
    headers = list(dict.fromkeys(name for line in lines for name in line))
    needed = [name for name in headers if name in keys or any(line.get(name) for line in lines)]
    if all(line["source"] == "ours" for line in lines):
        needed.remove("source")
    return needed, [[line.get(name, "") for name in needed] for line in lines]


def _line(spec: TableSpec, line: dict[Any, Any], keys: Sequence[str]) -> dict[str, str]:
    cells = {name: _text(line[name]) for name in keys} | {"source": line["source"]}
    reported = line["source"] == "reported"
    cells["AP"] = _number(line["paper_AP"]) if reported else _mean(line)
    cells["95 % interval"] = _interval(line)
    for score in SCORES[1:]:
        cells[score] = _number(line.get(f"paper_{score}" if reported else score))
    if "verdict" in line:
        cells |= {"difference": _difference(line), "verdict": _text(line["verdict"])}
    if "paper_AP" in line:
        cells["paper AP"] = "" if reported else _number(line["paper_AP"])
        cells["comparable"] = _text(line["comparable"]) if cells["paper AP"] else ""
    if spec.max_frames:
        cells |= {"max frames": line["max_frames"], "paper max frames": line["paper_max_frames"]}
    return cells


def _mean(line: dict[Any, Any]) -> str:
    if pd.isna(line["AP"]):
        return ""
    deviation = "" if pd.isna(line["AP_std"]) else f" ± {line['AP_std']:.1f}"
    return f"{line['AP']:.1f}{deviation} ({line['n_seeds']})"


def _interval(line: dict[Any, Any]) -> str:
    """One video has no interval, and says so."""
    if pd.isna(line["AP_low"]):
        return ONE_VIDEO if not pd.isna(line["videos"]) and line["videos"] == 1 else ""
    return f"{line['AP_low']:.1f} to {line['AP_high']:.1f}"


def _difference(line: dict[Any, Any]) -> str:
    if pd.isna(line["difference"]):
        return ""
    if pd.isna(line["difference_low"]):
        return _signed(line["difference"])
    low, high = (_signed(line[f"difference_{end}"]) for end in ("low", "high"))
    return f"{_signed(line['difference'])} [{low}, {high}]"


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"  # no -0.0


def _number(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.1f}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if pd.isna(value) else str(value)
