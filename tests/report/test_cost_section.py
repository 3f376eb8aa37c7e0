"""The section of costs, from records and benchmarks by hand."""

from __future__ import annotations

import json
import re
from html import unescape

import pytest
import yaml
from figure_runs import DATASET, TRAIN
from written_records import prediction_record, training_record

from vita.core.run_config import RunConfig
from vita.experiments.planning.costs import Cost, read_costs, write_costs
from vita.experiments.planning.measured import measured_runs
from vita.report.pages import cost_section as module
from vita.report.pages.cost_section import cost_section

PLAN = {"variants": {"intact": {}, "half": {}}, "top_k": 10, "short_edge": None, "max_edge": 1333, "threads": 1}


def config(variant):
    names = {"tier": "own", "method": "vita", "backbone": "tiny", "variant": variant, "seed": 0}
    return RunConfig.model_validate({**names, "dataset": DATASET | {"name": "own"}, "options": {}, "train": TRAIN})


def write_run(folder, variant="base", device="cpu", predicted=True, **seconds):
    (folder / "logs").mkdir(parents=True)
    trained = training_record(config(variant).model_dump(mode="json"), device=device)
    (folder / "record.json").write_text(json.dumps(trained))
    if predicted:
        (folder / "inference.yaml").write_text(yaml.safe_dump(PLAN))
        (folder / "predict_record.json").write_text(json.dumps(prediction_record(PLAN, device=device)))
    for task, value in seconds.items():
        (folder / "logs" / f"{task}.tsv").write_text(f"s\tcpu_time\n{value}\t1\n")
    return folder


def rows(text, first):
    found = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr[^>]*>(.*?)</tr>", text)]
    return [row for row in found if row[0] == first]


@pytest.fixture
def runs(tmp_path):
    images = write_run(tmp_path / "images", "pretrain", predicted=False, train=120)
    base = write_run(tmp_path / "base", device="NVIDIA A", train=600, predict=60, evaluate_intact=12, evaluate_half=18)
    return [images, base]


def test_minutes_by_stage_and_by_training(runs):
    text = cost_section(runs)
    stages = [rows(text, name)[0][:4] for name in ("pre-training", "training", "prediction", "scoring")]
    assert stages == [
        ["pre-training", "cpu", "1", "2.0"],
        ["training", "gpu", "1", "10.0"],
        ["prediction", "gpu", "1", "1.0"],
        ["scoring", "cpu", "1", "0.5"],
    ]
    # 2 + 10 + 1 + 0.5 minutes, in both tables
    assert [row[-3] for row in rows(text, "all")] == ["13.5", "13.5"]
    assert [row[1:6] for row in rows(text, "vita")] == [
        ["tiny", "pretrain", "cpu", "1", "2.0"],
        ["tiny", "base", "gpu", "2", "11.0"],
        ["tiny", "base", "cpu", "1", "0.5"],
    ]


def test_the_table_of_costs_stands_beside_them(runs, tmp_path, monkeypatch):
    costs = [run.cost for run in measured_runs(runs)[0]]
    # The table of costs remembers iterations of 30 s and frames of 12 s.
    numbers = {"seconds_per_iteration": 30.0, "seconds_per_frame": 12.0, "seconds_per_scored_frame": float("nan")}
    known = [Cost(**(vars(cost) | numbers)) for cost in costs]
    write_costs(known, tmp_path / "costs.csv")
    monkeypatch.setattr(module, "read_costs", lambda: read_costs(tmp_path / "costs.csv"))
    text = cost_section(runs)
    assert rows(text, "training")[0][-2:] == ["2.0", "1 of 1"]  # 4 iterations
    assert rows(text, "prediction")[0][-2:] == ["2.0", "1 of 1"]  # 10 frames
    assert rows(text, "scoring")[0][-2:] == ["", "0 of 1"]
    assert rows(text, "all")[0][-2:] == ["6.0", "3 of 4"]


def test_what_cannot_be_read_is_named(runs):
    record = json.loads((runs[0] / "record.json").read_text())
    (runs[0] / "record.json").write_text(json.dumps({key: value for key, value in record.items() if key != "machine"}))
    text = cost_section(runs)
    assert "images/record.json: key 'machine' is missing; delete the file" in unescape(text)
    assert not rows(text, "pre-training")
