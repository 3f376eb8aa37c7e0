"""Methods that are not the paper's: rows of their own, and trainings that start from another method's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiers import LIBRARY, table

from vita.core.contract import UserError
from vita.experiments.run_table import RunTable

OF_THE_PAPER = {"vita", "mask2former_vis", "ifc"}
Own = Callable[..., Path]


def test_a_row_that_names_its_method_stands_for_itself() -> None:
    spec = table("smoke").specs["table1"]
    *_, minvis, videomt = spec.rows
    assert [list(row.key.values()) for row in (minvis, videomt)] == [["MinVIS", "ResNet-50"], ["VidEoMT", "ViT"]]
    assert [(row.method, row.seeds) for row in (minvis, videomt)] == [("minvis", (0, 1)), ("videomt", (0, 1))]
    assert {row.method for row in table("paper").specs["table1"].rows} == OF_THE_PAPER  # it does not name the others


def test_other_tables_of_each_method_are_of_the_papers() -> None:
    for name in ("table2", "table5"):
        assert {row.method for row in table("smoke").specs[name].rows} == OF_THE_PAPER


def write_experiment(folder: Path, **keys: Any) -> None:
    select = {"method": "vita", "dataset": "ytvis_2019", "backbone": "r50"}
    (folder / "experiments").mkdir()
    content = {"item": "beyond the paper", "title": "Hues", "select": select, "reference": {"size": "small"}, **keys}
    (folder / "experiments" / "hues.yaml").write_text(yaml.safe_dump(content))


def test_a_row_may_say_what_it_is_compared_with(own: Own, tmp_path: Path) -> None:
    rows = [
        {"key": {"size": "small", "hue": "red"}},
        {"key": {"size": "large", "hue": "red"}},
        {"key": {"size": "large", "hue": "none"}, "reference": {"hue": "red"}},
    ]
    write_experiment(tmp_path, rows=rows)
    spec = RunTable(own(experiments=["hues"]), LIBRARY).specs["hues"]
    assert [spec.reference_of(row) for row in spec.rows] == [spec.rows[0]] * 3


def test_what_no_row_is_compared_with_is_told(own: Own, tmp_path: Path) -> None:
    write_experiment(tmp_path, rows=[{"key": {"size": "small", "hue": "red"}, "reference": {"hue": "blue"}}])
    message = r"experiment 'hues': reference: no row \{'hue': 'blue', 'size': 'small'\}"
    with pytest.raises(UserError, match=message):
        RunTable(own(experiments=["hues"]), LIBRARY)


def own_minvis(folder: Path, start: Any) -> None:
    """MinVIS' file beside the tier, with another start of its training."""
    content = yaml.safe_load((LIBRARY / "methods" / "minvis.yaml").read_text())
    content["variants"]["base"]["starts_from"] = start
    (folder / "methods").mkdir()
    (folder / "methods" / "minvis.yaml").write_text(yaml.safe_dump(content))


def test_a_training_starts_from_another_methods(own: Own, tmp_path: Path) -> None:
    own_minvis(tmp_path, {"method": "vita", "variant": "base"})
    runs = [run for run in RunTable(own(experiments=["table1"]), LIBRARY) if run.method == "minvis"]
    starts = [run.starts_from for run in runs]
    assert [(start.method, start.variant, start.seed) for start in starts if start] == [
        ("vita", "base", 0),
        ("vita", "base", 1),
    ]
    assert [run.config.start_from for run in runs] == [start.weights for start in starts if start]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"method": "vito", "variant": "base"}, r"variants\.base: starts_from: 'vito' is not known; allowed: ifc, "),
        ({"method": "vita", "variant": "bass"}, r"method vita: variants: 'bass' is not known; allowed: base, "),
        ({"method": "minvis", "variant": "base"}, r"method minvis: variants\.base: starts from itself"),
        ({"method": "vita"}, r"minvis\.yaml: variants\.base: key 'starts_from\.variant' is missing"),
    ],
)
def test_starts_that_cannot_be(own: Own, tmp_path: Path, start: Any, message: str) -> None:
    own_minvis(tmp_path, start)
    with pytest.raises(UserError, match=message):
        RunTable(own(experiments=["table1"]), LIBRARY)


def test_two_methods_that_start_from_each_other(own: Own, tmp_path: Path) -> None:
    own_minvis(tmp_path, {"method": "ifc", "variant": "base"})
    content = yaml.safe_load((LIBRARY / "methods" / "ifc.yaml").read_text())
    content["variants"]["base"]["starts_from"] = {"method": "minvis", "variant": "base"}
    (tmp_path / "methods" / "ifc.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"method (ifc|minvis): variants\.base: starts from itself"):
        RunTable(own(experiments=["table1"]), LIBRARY)
