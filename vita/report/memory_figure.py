"""Memory over frames, from the records of memory probes: predicted lines, and the trials that measured them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vita.contract import UserError
from vita.files import read_record
from vita.report.style import COLOURS, LINE_STYLES, TEXT_INCHES, save, styled

GIBIBYTE = 2**30
HEIGHT_INCHES = 2.9
NEEDED = ("key", "case", "budget_bytes", "curve", "status")


def draw_memory(probes: Sequence[Path], out: Path) -> None:
    """Left what is predicted for released sizes, right what was measured: dots are trials that fitted.

    Raises UserError naming a record that is missing or incomplete.
    """
    records = [read_record(path, NEEDED) for path in probes]
    predicted = [record for record in records if record["status"] == "predicted"]
    measured = [record for record in records if record["status"] != "predicted"]
    if not records:
        raise UserError("--probe: name at least one record of `vita probe`")
    with styled():
        figure = Figure(figsize=(TEXT_INCHES, HEIGHT_INCHES), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, shown, title in zip(axes, (predicted, measured), ("predicted", "measured"), strict=True):
            _draw(axis, shown, title)
        save(figure, out)


def _draw(axes: Axes, records: Sequence[dict[str, Any]], title: str) -> None:
    sizes = {(record["case"]["height"], record["case"]["width"]) for record in records}
    smallest = min(sizes, default=(0, 0))
    names = list(dict.fromkeys(_name(record) for record in records))
    paths = list(dict.fromkeys(record["case"]["attention"] for record in records))
    for record in records:
        case = record["case"]
        if (case["height"], case["width"]) != smallest:
            continue  # lines of other resolutions would lie on these, or hide them
        frames, peaks = zip(*record["curve"], strict=True)
        colour = COLOURS[names.index(_name(record)) % len(COLOURS)]
        style = LINE_STYLES[paths.index(case["attention"]) % len(LINE_STYLES)]
        label = f"{_name(record)}, {case['attention']}"
        axes.plot(frames, [peak / GIBIBYTE for peak in peaks], color=colour, linestyle=style, label=label)
        trials = [t for t in record.get("trials", []) if t["outcome"] == "fits" and t["peak_bytes"]]
        axes.plot([t["frames"] for t in trials], [t["peak_bytes"] / GIBIBYTE for t in trials], ".", color=colour)
    for budget in {record["budget_bytes"] for record in records}:
        axes.axhline(budget / GIBIBYTE, color="black", linewidth=0.6)
        axes.annotate(f"{budget / GIBIBYTE:g} GiB", (0.02, budget / GIBIBYTE), xycoords=("axes fraction", "data"))
    axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="memory [GiB]")
    axes.set_title(f"{title}, {smallest[0]} x {smallest[1]}" if records else f"{title}: nothing")
    axes.grid(visible=True)
    if records:
        axes.legend(fontsize=4.5, handlelength=2.5, loc="lower right")


def _name(record: dict[str, Any]) -> str:
    key = record["key"]
    window = f" W = {key['window']}" if "window" in key else ""
    ratio = key.get("prune_ratio", "1.0")
    return f"{key.get('method', record['case']['method'])}{window}{'' if float(ratio) == 1 else f', ratio {ratio}'}"
