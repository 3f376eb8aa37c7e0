from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes

from vita.evaluation.errors.analysis import ErrorAnalysis, ErrorKind
from vita.report.figures.error_chart import draw_errors
from vita.report.tables.evaluation_text import errors_text

ERRORS = ErrorAnalysis(0.5, (ErrorKind("association", 0.1, 0.1), ErrorKind("mask", -0.00001, 0.4)), 0.1)


def test_a_bar_for_each_gain_in_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: dict[str, list[float]] = {}
    barh = Axes.barh

    def note(axes: Axes, places: list[float], values: list[float], *rest: float, **style: str) -> object:
        drawn[style["label"]] = values
        return barh(axes, places, values, *rest, **style)

    monkeypatch.setattr(Axes, "barh", note)
    draw_errors(ERRORS, tmp_path / "folder" / "errors.png")
    assert drawn == {"alone": pytest.approx([10, -0.001]), "in sequence": pytest.approx([10, 40])}
    assert sorted(path.name for path in (tmp_path / "folder").iterdir()) == ["errors.pdf", "errors.png"]


def test_whiskers_reach_to_the_ends_of_the_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a gain of 10 points between 4 and 13, and of one of 0 whose draws all gain something."""
    drawn: dict[str, object] = {}
    barh = Axes.barh

    def note(axes: Axes, *places: object, **style: object) -> object:
        drawn[str(style["label"])] = style["xerr"]
        return barh(axes, *places, **style)  # type: ignore[arg-type]

    monkeypatch.setattr(Axes, "barh", note)
    kinds = (ErrorKind("association", 0.1, 0.1, (0.04, 0.13)), ErrorKind("mask", 0.0, 0.4, (0.01, 0.02)))
    draw_errors(ErrorAnalysis(0.5, kinds, 0.1), tmp_path / "errors.png")
    assert drawn["alone"] == pytest.approx(np.array([[6, 0], [3, 2]]))
    assert drawn["in sequence"] is None
    assert "[+4.00, +13.00]" in errors_text(ErrorAnalysis(0.5, kinds, 0.1))


def test_table() -> None:
    lines = [line.split() for line in errors_text(ERRORS).splitlines()]
    assert lines[3:] == [
        ["association", "+10.00", "+10.00"],
        ["mask", "+0.00", "+40.00"],
        ["association,", "best", "links", "+10.00"],
        ["AP", "as", "it", "is", "50.00"],
    ]
