"""`vita plan` as it is called."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from planned import LIBRARY, finish, smoke, write_record
from tiny_run import vita

from vita.experiments.planning.costs import read_costs

OPTIONS = ("--library", LIBRARY)


def test_a_plan_is_printed_and_kept(tmp_path):
    ended = vita("plan", *OPTIONS, "--root", tmp_path, "--target", "table6", "--out", tmp_path / "plan.csv")
    assert ended.code == 0
    assert "Tier smoke: 13 jobs, 13 of them to do" in ended.out  # one pre-training; two seeds with four ratios each
    rows = pd.read_csv(tmp_path / "plan.csv")
    assert len(rows) == 13
    assert rows["stage"].value_counts().to_dict() == {"scoring": 8, "training": 2, "prediction": 2, "pre-training": 1}
    assert not rows["done"].any()


def test_a_plan_as_json_says_the_same(tmp_path):
    options = [*OPTIONS, "--root", tmp_path, "--target", "table6", "--target", "table4"]
    finish(next(run for run in smoke() if run.variant == "pretrain" and run.method == "vita"), tmp_path)
    told = json.loads(vita("plan", *options, "--json").out)
    assert (told["tier"], told["jobs"], told["jobs_to_do"], len(told["lines"])) == ("smoke", 13, 12, 13)
    hours = [line["hours"] for line in told["lines"]]
    assert told["hours"]["cpu"] == pytest.approx(sum(hours)) and told["hours"]["gpu"] == 0
    done = sum(line["hours"] for line in told["lines"] if line["done"])
    assert told["hours_to_do"]["cpu"] == pytest.approx(sum(hours) - done)
    assert told["probes"] == {"table4": {"predictions": 36, "measurements": 7, "minutes_at_most": 70}}


def test_a_plan_of_the_tier_with_a_key_set(tmp_path):
    ended = vita("plan", *OPTIONS, "--root", tmp_path, "--target", "table6", "--set", "seeds=3", "--json")
    told = json.loads(ended.out)
    (file,) = (tmp_path / "results" / "tiers").iterdir()
    assert told["tier"] == file.stem and str(file) in ended.errors
    assert told["jobs"] == 1 + 3 * (1 + 1 + 4)  # a pre-training; of each seed a training, a prediction and four scores
    assert {line["run"].split("/")[2] for line in told["lines"]} == {file.stem}
    assert vita("plan", *OPTIONS, "--set", "sedes=3").message.startswith("--set: unknown key 'sedes'; allowed here: ")


def test_a_plan_is_made_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Tier smoke: 13 jobs, 13 of them to do" in vita("plan", "--target", "table6").out


def test_memory_probes_are_told_beside_the_jobs(tmp_path):
    ended = vita("plan", *OPTIONS, "--root", tmp_path, "--target", "table4")
    assert ended.out.splitlines() == [
        "Tier smoke: nothing to run",
        "Memory probes of table4, not counted above: "
        "36 predictions of some seconds each, 7 measurements of at most 10 minutes each.",
    ]


def test_finished_runs_are_taken_off_and_unusable_records_named(tmp_path):
    for run in smoke():
        finish(run, tmp_path)
    odd = tmp_path / "results/runs/old/shapes/vita/tiny/base/seed0/record.json"
    write_record(odd, {"status": "finished"})
    ended = vita("plan", *OPTIONS, "--root", tmp_path, "--target", "table6")
    assert "13 jobs, 0 of them to do" in ended.out
    assert "measured here: runs in this folder" in ended.out
    assert f"not used: {odd}: key 'config_digest' is missing; delete the file" in ended.errors


def test_costs_of_finished_runs_are_kept(tmp_path):
    run = next(run for run in smoke() if run.method == "ifc" and run.prediction)
    finish(run, tmp_path)
    assert vita("plan", *OPTIONS, "--root", tmp_path, "--write-costs", tmp_path / "costs.csv").code == 0
    written = {(cost.method, cost.variant): cost for cost in read_costs(tmp_path / "costs.csv")}
    assert written["ifc", "base"].seconds_per_iteration == pytest.approx(90 / 900)
    assert written.keys() >= {(cost.method, cost.variant) for cost in read_costs()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tier", "huge"), r"--tier: no tier 'huge'; known: laptop, mini, paper, paper_lite, released, smoke"),
        (("--target", "table9"), r"--target table9: not an experiment of this tier; allowed: controls, "),
    ],
)
def test_slips_are_named(tmp_path, options, message):
    assert vita("plan", *OPTIONS, "--root", tmp_path, *options).message.startswith(message)


def test_a_library_elsewhere_is_asked_for(tmp_path):
    assert "none; is --library right?" in vita("plan", "--library", tmp_path).message
