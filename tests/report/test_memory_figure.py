"""The figure of memory over frames draws every record that it was given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from probe_scenes import GIBIBYTE, measured, write_probe

from vita.core.contract import UserError
from vita.core.probe_record import read_probe_records
from vita.report.figures import memory_figure
from vita.report.figures.memory_figure import case_name, colours_of, draw_memory

SMALL = {"options": {"heads": 4}, "height": 96, "width": 160}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were saved."""
    found: list[Figure] = []
    save = memory_figure.save
    monkeypatch.setattr(memory_figure, "save", lambda figure, out: (found.append(figure), save(figure, out)))
    return found


def lines_of(figure: Figure) -> dict[str, list[Line2D]]:
    """By the title of its panel, what has points; budgets are lines without a marker."""
    return {
        axes.get_title(): [line for line in axes.lines if line.get_marker() in (".", "o") and len(line.get_xdata())]
        for axes in figure.axes
    }


def test_every_record_is_drawn_where_it_belongs(tmp_path: Path, drawn: list[Figure]) -> None:
    """Two sizes, two paths of attention, a pruned row, and a measurement: three panels, and none of them empty."""
    whole, pruned = ({"method": "VITA", "window": "6", "prune_ratio": ratio} for ratio in ("1.0", "0.5"))
    cpu = {"device": "cpu", "budget_bytes": GIBIBYTE, "case": SMALL}
    draw_memory(
        [
            write_probe(tmp_path / "a.json", whole, 1500, 1800),
            write_probe(tmp_path / "b.json", whole, 7000, 9000, case={"attention": "fused"}),
            write_probe(tmp_path / "c.json", whole, 1500, 1800, case={"height": 720, "width": 1280}),
            write_probe(tmp_path / "d.json", pruned, 2500, 2800),
            write_probe(tmp_path / "e.json", whole, 96, 96, **measured(100, (99, 100), **cpu)),
        ],
        tmp_path / "memory.pdf",
    )
    assert (tmp_path / "memory.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "memory.png").read_bytes().startswith(b"\x89PNG")
    lines = lines_of(drawn[0])
    assert {title: len(found) for title, found in lines.items()} == {
        "predicted, 360 x 640": 3,
        "predicted, 720 x 1280": 1,
        "measured, 96 x 160": 2,  # its prediction and its trial
    }
    assert [list(line.get_xdata()) for line in lines["predicted, 360 x 640"]] == [[1, 1800], [1, 9000], [1, 2800]]
    assert [list(line.get_xdata()) for line in lines["measured, 96 x 160"]] == [[1, 96], [100]]
    assert all("$" not in label.get_text() for axes in drawn[0].axes for label in axes.get_xticklabels())
    first, fused, half = lines["predicted, 360 x 640"]
    assert first.get_color() == fused.get_color() != half.get_color()
    curves = [line for line in drawn[0].axes[0].lines if len(line.get_xdata()) > 2]
    assert [line.get_color() for line in curves] == [line.get_color() for line in (first, fused, half)]
    assert curves[0].get_linestyle() != curves[1].get_linestyle()
    middle = curves[0].get_xdata().searchsorted(900)  # frames; halfway from 1 GiB to 12, whatever the axes
    assert curves[0].get_ydata()[middle] == pytest.approx(6.5, rel=0.05)


@pytest.mark.parametrize("count", [1, 7, 8, 40])
def test_no_two_cases_share_a_colour(count: int, tmp_path: Path) -> None:
    keys = [{"method": "VITA", "window": str(window)} for window in range(count)]
    paths = [write_probe(tmp_path / f"{number}.json", key, 1, 2) for number, key in enumerate(keys)]
    colours = colours_of([record for path in paths for record in read_probe_records(path)])
    assert len(colours) == len(set(colours.values())) == count


def test_cases_of_one_name_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    key = {"method": "VITA"}
    paths = [write_probe(tmp_path / f"{p}.json", key, 1, 2, case={"precision": p}) for p in ("float32", "float16")]
    records = [record for path in paths for record in read_probe_records(path)]
    assert list(colours_of(records)) == ["VITA, precision float32", "VITA, precision float16"]


def test_a_record_without_cells_is_called_after_its_case(tmp_path: Path) -> None:
    case = {"variant": {"window": 6, "prune_ratio": 0.5}, "options": {"heads": 4}}
    (record,) = read_probe_records(write_probe(tmp_path / "a.json", {}, 1, 2, case=case))
    assert case_name(record) == "vita, window 6, prune ratio 0.5, heads 4"


@pytest.mark.parametrize("lost", ["attention", "height", "options"])
def test_a_record_whose_question_is_damaged_is_one_line(tmp_path: Path, lost: str) -> None:
    path = write_probe(tmp_path / "probe.json", {"method": "VITA"}, 500, 600)
    record = json.loads(path.read_text())
    for one in record if isinstance(record, list) else [record]:
        del one["case"][lost]
    path.write_text(json.dumps(record))
    with pytest.raises(UserError, match=lost):
        draw_memory([path], tmp_path / "memory.pdf")
