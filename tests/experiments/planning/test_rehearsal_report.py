"""What a rehearsal tells, from records written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from planned import LIBRARY, predict_record, smoke, train_record, write_record

from vita.experiments.planning.rehearsal_report import (
    Rehearsed,
    rehearsal_text,
    rehearsed_costs,
    rehearsed_trainings,
)
from vita.experiments.run_table import Run, RunTable

STEPS = 40


@pytest.fixture
def table() -> RunTable:
    return RunTable(LIBRARY / "smoke.yaml", LIBRARY, STEPS)


def finish(run: Run, root: Path, losses: list[float]) -> None:
    folder = root / run.directory
    record = train_record(run, iterations=STEPS, train_time_s=20.0, peak_host_memory_bytes=3 * 2**30)
    write_record(folder / "record.json", record)
    write_record(folder / "predict_record.json", predict_record(run)) if run.prediction else None
    (folder / "history.csv").write_text("step,total\n" + "".join(f"{n},{loss}\n" for n, loss in enumerate(losses)))


def test_every_training_once_in_folders_of_its_own(table: RunTable) -> None:
    assert {run.tier for run in table} == {"smoke_rehearsal"}
    assert {run.seed for run in table} == {0}
    assert {run.config.train.iterations for run in table} == {STEPS}
    whole = {(run.method, run.variant) for run in smoke()}
    assert {(run.method, run.variant) for run in table} <= whole
    distinct = {run.config.model_copy(update={"seed": 0, "tier": ""}).model_dump_json() for run in table}
    assert len(distinct) == len(table)
    for run in table:
        like = next(o for o in smoke() if (o.method, o.variant, o.seed) == (run.method, run.variant, 0))
        assert run.config.options == like.config.options
        kept = {"iterations", "decay_at", "checkpoint_every", "validate_every", "validate_at"}
        assert run.config.train.model_dump(exclude=kept) == like.config.train.model_dump(exclude=kept)


def test_memory_speed_and_losses(table: RunTable, tmp_path: Path) -> None:
    falling, rising, short, failed, *_ = list(table)
    for run, losses in ((falling, [3.0, 1.0]), (rising, [1.0, 2.0]), (short, [1.0])):
        finish(run, tmp_path, losses)
    told = train_record(failed, status="failed", error="RuntimeError: out of memory")
    write_record(tmp_path / failed.directory / "work" / "record.json", told)
    found = {one.run: one for one in rehearsed_trainings(table, tmp_path)}
    one = found[falling.directory]
    assert (one.outcome, one.device, one.memory_gib, one.seconds_per_step) == ("finished", "cpu", 3.0, 20 / STEPS)
    assert (one.falls, found[rising.directory].falls, found[short.directory].falls) == (
        "yes",
        "NO",
        "too short to tell",
    )
    assert found[failed.directory].outcome == "RuntimeError: out of memory"
    assert {one.outcome for one in found.values()} == {"finished", "RuntimeError: out of memory", "not run"}
    text = rehearsal_text(list(found.values()))
    assert f"3 of {len(found)} trainings and " in text
    asked = [run for run in table if run.prediction]
    predicted = sum(run.directory in {falling.directory, rising.directory, short.directory} for run in asked)
    assert f" and {predicted} of {len(asked)} predictions went through" in text
    assert "out of memory" in text and "3 to 1" in text


def test_costs_are_of_the_tier_itself_and_of_the_steps_alone(table: RunTable, tmp_path: Path) -> None:
    run = next(run for run in table if run.prediction)
    finish(run, tmp_path, [2.0, 1.0])
    (tmp_path / run.directory / "logs").mkdir()
    (tmp_path / run.directory / "logs" / "train.tsv").write_text("s\tcpu_time\n1000\t1\n")  # with start-up
    (cost,) = rehearsed_costs(table, tmp_path, "smoke")
    assert (cost.tier, cost.seconds_per_iteration) == ("smoke", 20 / STEPS)


def test_a_training_without_losses_to_compare() -> None:
    assert Rehearsed("results/runs/t/d/m/b/v/seed0", "finished").falls == "too short to tell"
    assert json.dumps(rehearsal_text([])) != ""
