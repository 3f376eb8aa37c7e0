"""Memory over frames, from the records of memory probes: predicted lines, and the trials that measured them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vita.core.contract import UserError
from vita.core.grouping import grouped
from vita.core.probe_record import ProbeRecord
from vita.report.figures.style import COLOURS, LINE_STYLES, TEXT_INCHES, save, styled
from vita.report.runs.probe_records import read_probes

GIBIBYTE = 2**30
HEIGHT_INCHES = 2.6  # of a row of panels
LEGEND_INCHES = 0.17  # of a line of the legend
COLUMNS, LEGEND_COLUMNS = 2, 3
POINTS = 200  # of a line between those that were computed
COMPUTED: dict[str, Any] = {"marker": ".", "markersize": 3}
TRIAL: dict[str, Any] = {"marker": "o", "markersize": 4.5, "markerfacecolor": "none"}


@dataclass(frozen=True)
class Panel:
    """What its lines have in common: whether they were measured, and pixels of the frames."""

    measured: bool
    height: int
    width: int

    @property
    def title(self) -> str:
        """Above it."""
        return f"{'measured' if self.measured else 'predicted'}, {self.height} x {self.width}"


def draw_memory(probes: Sequence[Path], out: Path) -> None:
    """Draw every record, in a panel for what was predicted, or measured, at one resolution; a colour a case.

    Dots are numbers of frames that were computed, circles are trials that fitted. Raises UserError naming a record that
    is missing or incomplete.
    """
    records = [probe.record for probe in read_probes(probes)]
    if not records:
        raise UserError("--probe: name at least one record of `vita probe`")
    panels = grouped(zip(names_of(records), records, strict=True), lambda named: panel_of(named[1]))
    colours = colours_of(records)
    attention = dict.fromkeys(record.case["attention"] for record in records)
    styles = dict(zip(attention, cycle(LINE_STYLES)))
    legend = _legend(colours, styles, any(panel.measured for panel in panels))
    rows, lines = -(-len(panels) // COLUMNS), -(-len(legend) // LEGEND_COLUMNS)
    with styled():
        size = (TEXT_INCHES, rows * HEIGHT_INCHES + lines * LEGEND_INCHES)
        figure = Figure(figsize=size, layout="constrained")
        for number, (panel, shown) in enumerate(panels.items(), start=1):
            _draw(figure.add_subplot(rows, min(COLUMNS, len(panels)), number), panel, shown, colours, styles)
        figure.legend(handles=legend, loc="outside lower center", ncols=LEGEND_COLUMNS, handlelength=2.5)
        save(figure, out)


def panel_of(record: ProbeRecord) -> Panel:
    """Where a record is drawn."""
    return Panel(record.status != "predicted", record.case["height"], record.case["width"])


def case_name(record: ProbeRecord) -> str:
    """What the legend calls it: the cells that name it; those it lacks, the case itself has."""
    cells = dict(record.key)
    named = [cells.pop("method", record.case["method"])]
    asked = cells or {**record.case.get("variant", {}), **record.case.get("options", {})}
    return ", ".join([*named, *(f"{name.replace('_', ' ')} {value}" for name, value in asked.items())])


def names_of(records: Sequence[ProbeRecord]) -> list[str]:
    """What each is called: where several of a panel would share a name, with what their cases differ in."""

    def shared(record: ProbeRecord) -> tuple[str, Panel, str]:
        return case_name(record), panel_of(record), record.case["attention"]

    alike = grouped(records, shared)
    return [", ".join([case_name(record), *_own(record, alike[shared(record)])]) for record in records]


def _own(record: ProbeRecord, beside: Sequence[ProbeRecord]) -> list[str]:
    """What a record's case has otherwise than others."""
    values = {key: {repr(one.case.get(key)) for one in beside} for key in sorted(record.case)}
    return [f"{key.replace('_', ' ')} {record.case[key]}" for key, found in values.items() if len(found) > 1]


def colours_of(records: Sequence[ProbeRecord]) -> dict[str, str]:
    """A colour of its own for each name."""
    names = list(dict.fromkeys(names_of(records)))
    if len(names) <= len(COLOURS):
        return dict(zip(names, COLOURS, strict=False))
    along = colormaps["turbo"]
    return {name: to_hex(along(0.05 + 0.9 * place / (len(names) - 1))) for place, name in enumerate(names)}


def _legend(colours: Mapping[str, str], styles: Mapping[str, Any], measured: bool) -> list[Line2D]:
    lines = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    lines += [Line2D([], [], color="black", linestyle=style, label=path) for path, style in styles.items()]
    lines.append(Line2D([], [], color="black", linestyle="", label="computed", **COMPUTED))
    if measured:
        lines.append(Line2D([], [], color="black", linestyle="", label="a trial that fitted", **TRIAL))
    return lines


def _draw(
    axes: Axes,
    panel: Panel,
    named: Sequence[tuple[str, ProbeRecord]],
    colours: Mapping[str, str],
    styles: Mapping[str, Any],
) -> None:
    for name, record in named:
        frames, peaks = zip(*record.curve, strict=True)
        sizes = [peak / GIBIBYTE for peak in peaks]
        colour, style = colours[name], styles[record.case["attention"]]
        # Memory grows in proportion to frames, and something is there before the first: no straight line on these axes.
        between = np.geomspace(frames[0], frames[-1], POINTS)
        axes.plot(between, np.interp(between, frames, sizes), color=colour, linestyle=style, linewidth=1)
        axes.plot(frames, sizes, color=colour, linestyle="", **COMPUTED)
        fitted = [t for t in record.trials if t["outcome"] == "fits" and t["peak_bytes"]]
        taken = [t["peak_bytes"] / GIBIBYTE for t in fitted]
        axes.plot([t["frames"] for t in fitted], taken, color=colour, linestyle="", **TRIAL)
    for budget in {record.budget_bytes for _, record in named}:
        axes.axhline(budget / GIBIBYTE, color="black", linewidth=0.6)
        place = (0.02, budget / GIBIBYTE)
        label = f"{budget / GIBIBYTE:g} GiB"
        axes.annotate(label, place, (0, 2), xycoords=("axes fraction", "data"), textcoords="offset points")
    axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="memory [GiB]", title=panel.title)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")  # the usual one of such axes writes formulas
    axes.margins(y=0.08)
    axes.grid(visible=True)
