"""The check that follows a cell to its runs, on a tree made by hand: it finds what does not lead there."""

import json

import pytest
from following import OF_A_RUN, follow

from vita.evaluation.main_scores import SCORES

LINE = {"n_seeds": "2", "dataset": "shapes"} | dict(zip(SCORES, ("45.0", "60.0", "50.0", "30.0", "70.0"), strict=True))


@pytest.fixture
def line(tmp_path):
    """Two seeds that lie 1 point on either side of every mean."""
    for seed, offset in ((0, -1), (1, 1)):
        folder = tmp_path / f"runs/seed{seed}"
        (folder / "metrics").mkdir(parents=True)
        scores = {name.lower(): (float(LINE[name]) + offset) / 100 for name in SCORES}
        (folder / "metrics/intact.json").write_text(json.dumps({"scores": scores}))
        record = dict.fromkeys(OF_A_RUN, "known") | {"config": {"dataset": {"name": "shapes"}}}
        (folder / "record.json").write_text(json.dumps(record | {"seed": seed, "status": "finished"}))
    return LINE | {"evidence": "runs/seed0/metrics/intact.json runs/seed1/metrics/intact.json"}


@pytest.mark.parametrize("score", SCORES)
def test_every_cell_leads_to_its_runs(line, tmp_path, score):
    follow(line, score, tmp_path)


@pytest.mark.parametrize("change", [{"AP": "45.1"}, {"n_seeds": "1"}, {"dataset": "ovis"}, {"evidence": ""}])
def test_a_cell_that_its_runs_do_not_bear_out_is_found(line, tmp_path, change):
    with pytest.raises(AssertionError):
        follow(line | change, "AP", tmp_path)


@pytest.mark.parametrize("key", [*OF_A_RUN, "status"])
def test_a_record_that_lacks_something_is_found(line, tmp_path, key):
    path = tmp_path / "runs/seed1/record.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {key: None}))
    with pytest.raises((AssertionError, TypeError)):
        follow(line, "AP", tmp_path)
