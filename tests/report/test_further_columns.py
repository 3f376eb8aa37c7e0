"""Columns on request: HOTA and others beside the main scores, from the metrics files of a row's seeds."""

import json
from pathlib import Path
from typing import Any

import pytest
from table_scenes import ALL, HALF, Scenes, row, spec

from vita.core.config_base import dump
from vita.core.contract import UserError
from vita.experiments.config import TableSpec


def scored(scenes: Scenes, inference: str, seed: int, **further: float | None) -> dict[str, Any]:
    """A run whose metrics file holds further scores, fractions."""
    line = scenes.run(inference, seed, ALL if inference == "intact" else HALF)
    metrics = Path(line["directory"]) / "metrics" / f"{inference}.json"
    content = json.loads(metrics.read_text()) | {"further": {name: {"score": one} for name, one in further.items()}}
    metrics.write_text(json.dumps(content))
    return line


def two_rows(scores: tuple[str, ...]) -> TableSpec:
    rows = [row({"ratio": 1.0}), row({"ratio": 0.5}, "prune50")]
    return spec(*rows, reference={"ratio": 1.0}, scores=scores)


def test_they_are_means_over_seeds_in_points(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path)
    lines = [scored(scenes, "intact", seed, HOTA=0.4 + seed / 10, AssA=0.7, AP_heavy=None) for seed in (0, 1)]
    lines += [scored(scenes, "prune50", seed, HOTA=0.3, AssA=0.6, AP_heavy=0.1) for seed in (0, 1)]
    rows, printed = scenes.build(two_rows(("HOTA", "AssA", "AP_heavy")), lines)
    assert [(one["HOTA"], one["AssA"], one["AP_heavy"]) for one in rows] == [
        ("45.0", "70.0", ""),
        ("30.0", "60.0", "10.0"),
    ]
    assert [*rows[0]][[*rows[0]].index("AR10") :][:4] == ["AR10", "HOTA", "AssA", "AP_heavy"]
    header = next(line.split() for line in printed.splitlines() if "HOTA" in line and "AR10" in line)
    assert header[header.index("AR10") :][:4] == ["AR10", "HOTA", "AssA", "AP_heavy"]
    assert "HOTA, AssA: on masks, mean over categories" in printed and "as the authors of OVIS group them" in printed
    for form, text in (("md", "| HOTA |"), ("html", '<th scope="col">HOTA</th>'), ("tex", "& HOTA & AssA & AP heavy")):
        assert text in (tmp_path / f"out.{form}").read_text().replace("  ", " ").replace("  ", " "), form


def test_a_file_that_was_not_asked_says_how_to_ask(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path)
    lines = [scored(scenes, name, seed, HOTA=0.4) for name in ("intact", "prune50") for seed in (0, 1)]
    with pytest.raises(UserError, match=r"intact\.json has no DetA; run `vita evaluate` again with --hota"):
        scenes.build(two_rows(("HOTA", "DetA")), lines)


def test_a_table_that_asks_for_none_is_what_it_was(tmp_path: Path) -> None:
    scenes = Scenes(tmp_path)
    lines = [scored(scenes, name, seed, HOTA=0.4) for name in ("intact", "prune50") for seed in (0, 1)]
    rows, printed = scenes.build(two_rows(()), lines)
    assert "HOTA" not in rows[0] and "HOTA" not in printed
    assert "scores" not in dump(two_rows(()))


def test_a_name_that_is_none_is_told_with_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"'HOTA', 'DetA', .*'AP_light'.*'association_optimal'"):
        two_rows(("MOTA",))
