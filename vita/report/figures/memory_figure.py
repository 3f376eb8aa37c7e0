"""Memory over frames, from the records of memory probes: predicted lines, and the trials that measured them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vita.core.contract import UserError
from vita.core.records import ProbeRecord, read_probe_records
from vita.report.figures.style import COLOURS, LINE_STYLES, TEXT_INCHES, save, styled

GIBIBYTE = 2**30
HEIGHT_INCHES = 3.4
LEGEND_COLUMNS = 4


def draw_memory(probes: Sequence[Path], out: Path) -> None:
    """Left what is predicted for released sizes, right what was measured: dots are trials that fitted.

    Of each only the smallest resolution and rows without pruning are drawn: the table has all. Raises UserError naming
    a record that is missing or incomplete.
    """
    records = [record for path in probes for record in read_probe_records(path)]
    if not records:
        raise UserError("--probe: name at least one record of `vita probe`")
    drawn = [record for record in records if float(record.key.get("prune_ratio", 1)) == 1]
    predicted = [record for record in drawn if record.status == "predicted"]
    measured = [record for record in drawn if record.status != "predicted"]
    colours = dict(zip(dict.fromkeys(map(_name, drawn)), cycle(COLOURS), strict=False))
    styles = dict(zip(dict.fromkeys(record.case["attention"] for record in drawn), cycle(LINE_STYLES)))
    with styled():
        figure = Figure(figsize=(TEXT_INCHES, HEIGHT_INCHES), layout="constrained")
        axes = figure.subplots(1, 2)
        for axis, shown, title in zip(axes, (predicted, measured), ("predicted", "measured"), strict=True):
            _draw(axis, shown, title, colours, styles)
        lines = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
        lines += [Line2D([], [], color="black", linestyle=style, label=path) for path, style in styles.items()]
        figure.legend(handles=lines, loc="outside lower center", ncols=LEGEND_COLUMNS, handlelength=2.5)
        save(figure, out)


def _draw(
    axes: Axes, records: Sequence[ProbeRecord], title: str, colours: Mapping[str, str], styles: Mapping[str, Any]
) -> None:
    sizes = {(record.case["height"], record.case["width"]) for record in records}
    smallest = min(sizes, default=(0, 0))
    for record in records:
        case = record.case
        if (case["height"], case["width"]) != smallest:
            continue  # lines of other resolutions would lie on these, or hide them
        frames, peaks = zip(*record.curve, strict=True)
        colour = colours[_name(record)]
        axes.plot(frames, [peak / GIBIBYTE for peak in peaks], color=colour, linestyle=styles[case["attention"]])
        trials = [t for t in record.trials if t["outcome"] == "fits" and t["peak_bytes"]]
        axes.plot([t["frames"] for t in trials], [t["peak_bytes"] / GIBIBYTE for t in trials], ".", color=colour)
    for budget in {record.budget_bytes for record in records}:
        axes.axhline(budget / GIBIBYTE, color="black", linewidth=0.6)
        place = (0.02, budget / GIBIBYTE)
        label = f"{budget / GIBIBYTE:g} GiB"
        axes.annotate(label, place, (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="memory [GiB]")
    axes.margins(y=0.08)
    axes.set_title(f"{title}, {smallest[0]} x {smallest[1]}" if records else f"{title}: nothing")
    axes.grid(visible=True)


def _name(record: ProbeRecord) -> str:
    key = record.key
    window = f", window {key['window']}" if "window" in key else ""
    return f"{key.get('method', record.case['method'])}{window}"
