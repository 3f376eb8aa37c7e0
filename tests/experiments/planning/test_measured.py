"""From records to the table of costs and back."""

import math
from dataclasses import replace

import pytest
from planned import BASE, IMAGES, finish, predict_record, smoke, train_record, write_record

from vita.core.contract import UserError
from vita.experiments.planning.costs import TABLE, merged, read_costs, write_costs
from vita.experiments.planning.flops import gflop_per_iteration, with_work
from vita.experiments.planning.measured import measured_runs


@pytest.fixture(scope="module")
def runs():
    return [run for run in smoke() if (run.method, run.variant) == ("vita", "base")]


def measured(folder):
    (found,), problems = measured_runs([folder])
    assert not problems
    return found


def test_a_record_tells_seconds_a_unit_and_bytes(runs, tmp_path):
    folder = finish(runs[0], tmp_path)
    for name in ("intact", "prune75"):
        write_record(folder / "predictions" / f"{name}.json", {})
        (folder / "predictions" / f"{name}.json").write_bytes(b"p" * 1000)
    (folder / "frame_detector.json").write_bytes(b"f" * 2500)
    cost = measured(folder).cost
    assert (cost.tier, cost.method, cost.variant, cost.device) == ("smoke", "vita", "base", "cpu")
    assert (cost.clips_per_batch, cost.clip_frames, cost.train_pixels, cost.predict_pixels) == (4, 4, 6144, 6144)
    assert cost.inference_variants == len(runs[0].inference)
    assert cost.seconds_per_iteration == pytest.approx(90 / 900)
    assert cost.seconds_per_frame == pytest.approx(5 / 500)
    assert cost.bytes_per_frame == pytest.approx((1000 + 1000 + 2500) / 3 / 500)
    assert cost.weights_bytes == 4000
    assert not cost.seconds_per_scored_frame > 0


def test_the_workflow_measures_whole_jobs(runs, tmp_path):
    """Start-up and validation included; but of a training that was cut off, only its last piece."""
    folder = finish(runs[0], tmp_path)
    (folder / "logs").mkdir()
    for task, wall in {"train": 180, "predict": 10, "evaluate_intact": 2, "evaluate_prune75": 4}.items():
        (folder / "logs" / f"{task}.tsv").write_text(f"s\th:m:s\n{wall}\t-\n")
    cost = measured(folder).cost
    assert cost.seconds_per_iteration == pytest.approx(180 / 900)
    assert cost.seconds_per_frame == pytest.approx(10 / 500)
    assert cost.seconds_per_scored_frame == pytest.approx(3 / 500)
    write_record(folder / "record.json", train_record(runs[0], resumed_at=[400]))
    assert measured(folder).cost.seconds_per_iteration == pytest.approx(90 / 900)


@pytest.mark.parametrize(("where", "times"), [({"threads": 2}, 2), ({"device": "NVIDIA A", "processes": 4}, 4)])
def test_seconds_are_of_one_core_or_gpu(runs, tmp_path, where, times):
    folder = tmp_path / runs[0].directory
    write_record(folder / "record.json", train_record(runs[0], **where))
    cost = measured(folder).cost
    assert cost.seconds_per_iteration == pytest.approx(times * 90 / 900)
    assert cost.device == ("gpu" if "device" in where else "cpu")


def test_unfinished_runs_tell_nothing_and_unusable_records_say_why(runs, tmp_path):
    folders = [tmp_path / name for name in ("none", "failed", "old")]
    write_record(folders[1] / "record.json", train_record(runs[0], status="failed"))
    config = runs[0].config.model_dump(mode="json")
    write_record(folders[2] / "record.json", train_record(runs[0], config=config | {"colour": 1}))
    found, problems = measured_runs(folders)
    assert found == []
    assert len(problems) == 1
    assert "old/record.json: config: unknown key 'colour'" in problems[0]


def test_weights_of_others_took_no_iterations(runs, tmp_path):
    folder = finish(runs[0], tmp_path)
    write_record(folder / "record.json", train_record(runs[0], weights_from="file", iterations=0, train_time_s=0.0))
    (found,), problems = measured_runs([folder])
    assert problems == []
    assert math.isnan(found.cost.seconds_per_iteration) and found.units["iteration"] == 0
    assert found.cost.seconds_per_frame == pytest.approx(5 / 500)


def test_records_become_rows_of_the_table(runs, tmp_path):
    folders = [finish(run, tmp_path) for run in runs]
    write_record(folders[1] / "record.json", train_record(runs[1], train_time_s=270.0))
    write_record(folders[1] / "predict_record.json", predict_record(runs[1], frames=1000))
    here = [with_work(run) for run in measured_runs(folders)[0]]
    write_costs(merged(here, [replace(BASE, inference_variants=1), IMAGES]), tmp_path / "costs.csv")
    base, images = read_costs(tmp_path / "costs.csv")
    # The mean of 0.1 and 0.3 seconds takes the place of the older row, whose scoring alone stays; the other row stays.
    assert (base.variant, base.source, base.inference_variants) == ("base", "measured before", len(runs[0].inference))
    assert base.seconds_per_scored_frame == pytest.approx(0.001)
    assert base.seconds_per_iteration == pytest.approx(0.2)
    assert base.seconds_per_frame == pytest.approx((5 / 500 + 5 / 1000) / 2)
    assert base.gflop_per_iteration == pytest.approx(gflop_per_iteration(runs[0].config), rel=1e-5)
    assert (images.variant, images.seconds_per_iteration) == ("pretrain", 0.25)


def test_a_damaged_table_is_named(tmp_path):
    path = tmp_path / "costs.csv"
    path.write_text("tier\nsmoke\n")
    with pytest.raises(UserError, match=r"costs\.csv: no column 'method'; `vita plan --write-costs` writes it"):
        read_costs(path)
    path.write_text("")
    with pytest.raises(UserError, match=r"costs\.csv: not a readable table of costs"):
        read_costs(path)
    assert {cost.source for cost in read_costs(TABLE)} <= {"measured before", "assumed"}
