"""`vita plan` as it is called."""

from __future__ import annotations

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
        (("--tier", "huge"), r"--tier: no tier 'huge'; known: mini, paper, paper_lite, released, smoke"),
        (("--target", "table9"), r"--target table9: not an experiment of this tier; allowed: controls, "),
    ],
)
def test_slips_are_named(tmp_path, options, message):
    assert vita("plan", *OPTIONS, "--root", tmp_path, *options).message.startswith(message)


def test_a_library_elsewhere_is_asked_for(tmp_path):
    assert "none; is --library right?" in vita("plan", "--library", tmp_path).message
