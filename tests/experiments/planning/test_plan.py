"""Plans of the smoke tier, with the arithmetic in the test, and of every tier of the project without its data."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from planned import BASE, IMAGES, LIBRARY, finish, lines_of, planned, smoke, train_record, write_record

from vita.experiments.planning.costs import read_costs
from vita.experiments.planning.estimate import Estimator
from vita.experiments.planning.plan import Planner
from vita.experiments.planning.plan_text import hours, plan_text, worst_basis, write_plan
from vita.experiments.run_table import RunTable

COSTS = [BASE, IMAGES]


def test_hours_are_units_times_seconds(tmp_path):
    plan = planned(COSTS, tmp_path, ["table6"])
    schedules = {run.variant: run.config.train.iterations for run in smoke() if run.method == "vita"}
    (images,) = lines_of(plan, "pre-training", "pretrain")
    assert images.hours == pytest.approx(schedules["pretrain"] * 0.25 / 3600)
    assert [line.hours for line in lines_of(plan, "training")] == pytest.approx([schedules["base"] * 0.5 / 3600] * 2)
    # 30 videos of 36 frames are scored; a frame under all variants takes 20 ms, scoring it under one 1 ms.
    assert [line.hours for line in lines_of(plan, "prediction")] == pytest.approx([30 * 36 * 0.02 / 3600] * 2)
    assert [line.hours for line in lines_of(plan, "scoring")] == pytest.approx([30 * 36 * 0.001 / 3600] * 8)
    assert [line.inference for line in lines_of(plan, "scoring")][:4] == ["intact", "prune75", "prune50", "prune25"]
    assert len(plan.lines) == 1 + 2 + 2 + 2 * 4


def test_disk_is_measured_where_that_was_done(tmp_path):
    plan = planned(COSTS, tmp_path, ["table6"])
    assert [line.disk_bytes for line in lines_of(plan, "training")] == [3000, 3000]
    # 15 variants and the frame detector, 10 bytes a frame each
    assert [line.disk_bytes for line in lines_of(plan, "prediction")] == [16 * 30 * 36 * 10] * 2
    assert plan.checkpoint_bytes == 3 * 3000
    # 0.7 bytes a pixel: 400 x 12 + 30 x 36 frames of videos, 400 x 6 + 30 x 36 of images, 64 x 96 pixels each
    assert plan.data_bytes == pytest.approx(0.7 * (5880 + 3480) * 64 * 96)


def test_weights_that_are_there_or_unheard_of(tmp_path):
    run = next(run for run in smoke() if run.variant == "base")
    finish(run, tmp_path)
    here, other = lines_of(planned(COSTS, tmp_path), "training")
    assert (here.disk_bytes, other.disk_bytes) == (4000, 3000)
    counted = lines_of(planned([], tmp_path), "training")[1].disk_bytes
    assert counted == pytest.approx(3.46e6, rel=0.02)  # of parameters alone, four bytes each


def test_the_total_is_the_sum_of_the_lines(tmp_path):
    plan = planned(COSTS, tmp_path)
    assert hours(plan.lines, "cpu") == pytest.approx(sum(line.hours for line in plan.lines))
    write_plan(plan, tmp_path / "plan.csv")
    assert pd.read_csv(tmp_path / "plan.csv")["hours"].sum() == pytest.approx(hours(plan.lines, "cpu"), rel=1e-4)
    total = next(row for row in plan_text(plan).splitlines() if row.startswith("total"))
    assert total.split()[1:5] == [str(len(plan.lines))] * 2 + [f"{hours(plan.lines, 'cpu'):.2f}"] * 2
    by_stage = [hours([line for line in plan.lines if line.stage == stage], "cpu") for stage in STAGES]
    assert sum(by_stage) == pytest.approx(hours(plan.lines, "cpu"))


STAGES = ("pre-training", "training", "prediction", "scoring")


def test_after_a_finished_run_nothing_of_it_is_left(tmp_path):
    table = smoke()
    for run in table:
        finish(run, tmp_path)
    plan = planned(COSTS, tmp_path, table=table)
    assert all(line.done for line in plan.lines)
    total = next(row for row in plan_text(plan).splitlines() if row.startswith("total"))
    assert re.split(r"\s{2,}", total)[2:5:2] == ["0", "0.00"]

    # Without predictions of one run, those and its scores are to do again, though old scores lie there.
    one = next(run for run in table if run.variant == "frozen")
    (tmp_path / one.directory / "predict_record.json").unlink()
    left = [line for line in planned(COSTS, tmp_path, table=table).lines if not line.done]
    assert [(line.run, line.stage) for line in left] == [(one.directory, "prediction"), (one.directory, "scoring")]


def test_what_starts_from_an_unfinished_training_is_to_do(tmp_path):
    table = smoke()
    for run in table:
        finish(run, tmp_path)
    start = next(run for run in table if (run.method, run.variant) == ("vita", "pretrain"))
    write_record(tmp_path / start.directory / "record.json", train_record(start, config_digest="another"))
    left = {line.method for line in planned(COSTS, tmp_path, table=table).lines if not line.done}
    done = {line.method for line in planned(COSTS, tmp_path, table=table).lines if line.done}
    assert (left, done) == ({"vita", "minvis"}, {"mask2former_vis", "ifc", "videomt"})  # MinVIS starts from VITA's


def test_a_target_needs_fewer_jobs(tmp_path):
    few, all_jobs = (planned(COSTS, tmp_path, names).lines for names in (["table6", "controls"], []))
    assert {line.run for line in few} < {line.run for line in all_jobs}
    # table6 and controls share the intact variant: 4 + 3 scorings a seed
    assert sum(line.stage == "scoring" for line in few) == 2 * 7


def test_a_table_without_runs_costs_nothing(tmp_path):
    plan = planned(COSTS, tmp_path, ["table4"])
    assert (plan.lines, plan_text(plan)) == ((), "Tier smoke: nothing to run")


def test_unknown_hours_stand_beside_the_sum(tmp_path):
    plan = planned([], tmp_path)
    assert {line.basis for line in plan.lines} == {"not known"}
    assert ">= 0.00" in plan_text(plan)
    one = replace(BASE, inference_variants=1)
    assert worst_basis(planned([one, IMAGES], tmp_path, ["table6"]).lines) == "a similar run"


@pytest.mark.parametrize("tier", ["smoke", "mini", "paper"])
def test_every_tier_has_a_plan_without_data(tier, tmp_path, monkeypatch):
    for name in ("YTVIS_2019", "YTVIS_2021", "OVIS", "COCO"):
        monkeypatch.delenv(f"{name}_ROOT", raising=False)
    table = RunTable(LIBRARY / f"{tier}.yaml", LIBRARY)
    plan = Planner(table, Estimator(read_costs()), tmp_path).plan(["table6"] if tier == "paper" else [])
    assert all(line.hours is not None and line.hours > 0 for line in plan.lines)
    assert ("NOT measured" in plan_text(plan)) == (tier != "smoke")  # no GPU was measured so far
    if tier == "paper":
        assert len(plan.lines) == 1 + 5 + 5 + 5 * 4
    else:
        jobs = len(table) + sum(run.prediction is not None for run in table) + len(table.evaluated())
        assert len(plan.lines) == jobs
