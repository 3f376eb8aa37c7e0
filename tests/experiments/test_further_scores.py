"""Columns on request: which evaluations are asked for which scores beyond the main ones."""

import pytest
import yaml
from tiers import LIBRARY

from vita.core.config_base import dump
from vita.core.contract import UserError
from vita.core.further_scores import KINDS, LENGTHS, kinds_of
from vita.core.records import FurtherValue
from vita.experiments.run_table import RunTable

HOTA_TABLE = {
    "item": "beyond the paper",
    "title": "Association",
    "select": {"method": "vita", "dataset": "ytvis_2019", "backbone": "r50"},
    "rows": [{"key": {"ratio": 1.0}}, {"key": {"ratio": 0.5}, "inference": "prune50"}],
    "scores": ["HOTA", "AssA"],
}


def test_an_experiment_asks_for_its_own_rows_alone(own, tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "linking.yaml").write_text(yaml.safe_dump(HOTA_TABLE))
    table = RunTable(own(), LIBRARY)
    assert table.specs["linking"].scores == ("HOTA", "AssA")
    asked = {inference for run, inference in table.evaluated() if table.further_scores(run, inference)}
    assert asked == {"intact", "prune50"}
    run, inference = table.evaluations("linking")[0]
    assert table.further_scores(run, inference) == ["HOTA", "AssA"]
    assert "\nscores:" not in dump(table.specs["table6"])


def test_a_tier_asks_for_more_in_a_table_that_is_there(own):
    table = RunTable(own(scores={"table6": ["AssA", "AP_heavy"], "table1": ["HOTA", "AssA"]}), LIBRARY)
    assert table.specs["table6"].scores == ("AssA", "AP_heavy")
    run = table.find("results/runs/smoke/shapes/vita/tiny/base/seed0")
    assert table.further_scores(run, "intact") == ["HOTA", "AssA", "AP_heavy"]
    assert table.further_scores(run, "prune50") == ["AssA", "AP_heavy"]
    with pytest.raises(UserError, match="scores: 'table66' is not known"):
        RunTable(own(scores={"table66": ["HOTA"]}), LIBRARY)


def test_long_videos_are_named_by_the_data_set(own, tmp_path):
    tier = own(scores={"table6": ["AP_long"]})
    with pytest.raises(UserError, match=r"table6.*AP_long needs to know.*'shapes' are long.*long_videos"):
        RunTable(tier, LIBRARY)
    shapes = yaml.safe_load((LIBRARY / "datasets" / "shapes.yaml").read_text())
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "shapes.yaml").write_text(yaml.safe_dump(shapes | {"long_videos": "mine/long.json"}))
    table = RunTable(tier, LIBRARY)
    assert table.datasets["shapes"].long_videos == "mine/long.json"
    # No configuration of a run changes by it.
    runs = {run.directory: dump(run.config) for run in RunTable(own(), LIBRARY)}
    assert {run.directory: dump(run.config) for run in table} == runs
    assert not any("long_videos" in text for text in runs.values())


def test_every_score_is_of_one_kind():
    scores = [score for kind in KINDS for score in kind.scores]
    assert len(set(scores)) == len(scores)
    assert kinds_of(["AP_long", "HOTA"]) == [KINDS[0], LENGTHS]
    assert kinds_of([]) == []
    assert FurtherValue(score=None).to_json() == {"score": None}
