"""Plans of a small tier, with the arithmetic in the test, and of every tier of the project without its data."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from vita.config_file import digest
from vita.contract import UserError
from vita.experiments.run_table import RunTable
from vita.planning.costs import TABLE, Cost, read_costs, write_costs
from vita.planning.distil import costs_with_work, merged
from vita.planning.plan import frames_to_predict, make_plan
from vita.planning.plan_text import plan_text, total_hours, write_plan

LIBRARY = Path(__file__).parents[2] / "workflow" / "config"
BASE = Cost("smoke", "vita", "tiny", "base", "cpu", 4, 4, 0.5, 0.02, 3.0, 0.1, 1000.0, "measured before")
IMAGES = replace(BASE, variant="pretrain", clips_per_batch=16, clip_frames=1, seconds_per_iteration=0.25)


@pytest.fixture
def table():
    return RunTable(LIBRARY / "smoke.yaml", LIBRARY)


def lines(plan, stage, variant="base"):
    return [line for line in plan.lines if (line.stage, line.method, line.variant) == (stage, "vita", variant)]


def test_hours_are_units_times_seconds(table, tmp_path):
    plan = make_plan(table, [BASE, IMAGES], tmp_path, ["table6"])
    schedules = {run.variant: run.config.train.iterations for run in table if run.method == "vita"}
    (images,) = lines(plan, "pre-training", "pretrain")
    assert images.hours == pytest.approx(schedules["pretrain"] * 0.25 / 3600)
    base = lines(plan, "training")
    assert [line.hours for line in base] == pytest.approx([schedules["base"] * 0.5 / 3600] * 2)
    predictions = lines(plan, "prediction")
    # 30 videos of 36 frames are scored; a frame under all variants takes 0.02 s and 1000 bytes
    assert [line.hours for line in predictions] == pytest.approx([30 * 36 * 0.02 / 3600] * 2)
    assert [line.disk_bytes for line in predictions] == [30 * 36 * 1000] * 2
    assert len(plan.lines) == 1 + 2 + 2
    assert (plan.scorings, plan.scorings_done) == (2 * 4, 0)
    assert total_hours(plan.lines) == pytest.approx(sum(line.hours for line in plan.lines))


def test_a_like_training_stands_in_and_the_same_one_is_better(table, tmp_path):
    frozen = replace(BASE, variant="frozen", seconds_per_iteration=0.3)
    first = make_plan(table, [BASE, IMAGES], tmp_path, ["table7"])
    second = make_plan(table, [BASE, IMAGES, frozen], tmp_path, ["table7"])
    ratio = [lines(plan, "training", "frozen")[0].hours for plan in (second, first)]
    assert ratio[0] / ratio[1] == pytest.approx(0.3 / 0.5)


def test_records_of_this_folder_are_believed_before_the_table(table, tmp_path):
    here = replace(BASE, seconds_per_iteration=1.0, source="measured here")
    line = lines(make_plan(table, [here, BASE, IMAGES], tmp_path), "training")[0]
    assert line.basis == "measured here"
    assert line.hours == pytest.approx(900 * 1.0 / 3600)


def test_what_was_never_measured_is_scaled_by_its_work(table, tmp_path):
    """Another method on the speed of VITA: 3 GFLOP in half a second, 6 a second."""
    plan = make_plan(table, [BASE, IMAGES], tmp_path)
    other = next(line for line in plan.lines if (line.method, line.stage) == ("ifc", "training"))
    assert other.basis == "scaled by work"
    run = table.find(other.run)
    from vita.planning.work import gflop_per_iteration

    speed = (3.0 / 0.5 + 3.0 / 0.25) / 2  # the median of both measured
    assert other.hours == pytest.approx(run.config.train.iterations * gflop_per_iteration(run.config) / speed / 3600)
    nothing = make_plan(table, [], tmp_path)
    assert {line.basis for line in nothing.lines} == {"not known"}
    assert "at least 0.00 core hours" in plan_text(nothing)


def test_after_a_finished_run_nothing_of_it_is_left(table, tmp_path):
    for run in table:
        folder = tmp_path / run.directory
        (folder / "metrics").mkdir(parents=True)
        record = {"config": run.config.model_dump(mode="json"), "status": "finished", "device": "cpu"}
        record |= {"config_digest": digest(run.config), "train_time_s": 90.0, "iterations": 900}
        (folder / "record.json").write_text(json.dumps(record))
        if run.prediction:
            record = {"config": {}, "status": "finished", "config_digest": digest(run.prediction)}
            (folder / "predict_record.json").write_text(json.dumps(record | {"predict_time_s": 5.0, "frames": 500}))
            for name in run.inference:
                (folder / "metrics" / f"{name}.json").write_text("{}")
    plan = make_plan(table, [BASE, IMAGES], tmp_path)
    assert all(line.done for line in plan.lines)
    assert plan.scorings == plan.scorings_done
    assert "(0 to do)" in plan_text(plan)
    one = next(run for run in table if run.prediction)
    (tmp_path / one.directory / "predict_record.json").write_text(json.dumps({"status": "finished"}))
    left = [line for line in make_plan(table, [BASE], tmp_path).lines if not line.done]
    assert [(line.run, line.stage) for line in left] == [(one.directory, "prediction")]


def test_records_become_rows_of_the_table(table, tmp_path):
    runs = [run for run in table if run.method == "vita" and run.variant == "base"]
    for seed, run in enumerate(runs):
        folder = tmp_path / run.directory
        folder.mkdir(parents=True)
        record = {"config": run.config.model_dump(mode="json"), "status": "finished", "device": "cpu"}
        (folder / "record.json").write_text(
            json.dumps(record | {"train_time_s": 100.0 * (1 + seed), "iterations": 100})
        )
    folders = [tmp_path / run.directory for run in runs]
    write_costs(merged(costs_with_work(folders), [BASE, IMAGES]), tmp_path / "costs.csv")
    rows = read_costs(tmp_path / "costs.csv")
    assert [(row.variant, row.seconds_per_iteration, row.source) for row in rows] == [
        ("base", 1.5, "measured before"),  # the mean of 1 and 2 seconds takes the place of the older row
        ("pretrain", 0.25, "measured before"),
    ]
    assert rows[0].gflop_per_iteration > 0


@pytest.mark.parametrize("tier", ["smoke", "mini", "paper"])
def test_every_tier_has_a_plan_without_data(tier, tmp_path, monkeypatch):
    for name in ("YTVIS_2019", "YTVIS_2021", "OVIS", "COCO"):
        monkeypatch.delenv(f"{name}_ROOT", raising=False)
    table = RunTable(LIBRARY / f"{tier}.yaml", LIBRARY)
    known = next(iter(table)).config.method
    chosen = ["table6"] if tier == "paper" else []
    plan = make_plan(table, read_costs(), tmp_path, chosen)
    assert known in {line.method for line in plan.lines}
    assert all(line.hours is not None and line.hours > 0 for line in plan.lines)
    text = plan_text(plan)
    assert ("NOT measured" in text) == (tier != "smoke")  # no GPU was measured so far
    write_plan(plan, tmp_path / "plan.csv")
    assert len((tmp_path / "plan.csv").read_text().splitlines()) == 1 + len(plan.lines)


def test_frames_to_predict():
    sets = {name: yaml.safe_load((LIBRARY / "datasets" / f"{name}.yaml").read_text()) for name in ("shapes", "ovis")}
    from vita.dataset_config import DatasetConfig

    shapes = DatasetConfig.model_validate(sets["shapes"])
    assert frames_to_predict(shapes) == 30 * 36
    split = {"validate_on": "local_split", "local_split": {"file": "ids.json", "valid_share": 0.25}}
    assert frames_to_predict(DatasetConfig.model_validate(sets["shapes"] | split)) == 0.25 * 400 * 12
    assert frames_to_predict(DatasetConfig.model_validate(sets["ovis"])) == pytest.approx(140 * 62.7)


def test_a_table_without_a_column_is_named(tmp_path):
    (tmp_path / "costs.csv").write_text("tier\nsmoke\n")
    with pytest.raises(UserError, match=r"costs\.csv: no column 'method'; `vita plan --write-costs` writes it"):
        read_costs(tmp_path / "costs.csv")
    assert {cost.source for cost in read_costs(TABLE)} <= {"measured before", "assumed"}
