"""`--config rehearse=N`: every distinct training and prediction at full size for N steps, and what it tells."""

import json

import pytest

RUNS = "results/runs/nano_rehearsal/nano_shapes/vita/tiny"


@pytest.mark.dag
def test_a_rehearsal_runs_each_training_once_and_plans_the_tier_with_its_speeds(folder):
    folder.change("nano.yaml", "schedules", "clips", "iterations", to=5000)
    folder.change("nano.yaml", "schedules", "clips", "decay_at", to=[4000])
    jobs = folder.jobs(rehearse="20")
    assert (jobs["train"], jobs["predict"], jobs["rehearsal"]) == (2, 1, 1)  # one seed; nothing is scored
    assert "evaluate" not in jobs

    folder.succeed(rehearse="20")
    for name in ("pretrain", "base"):
        record = json.loads(folder.read(f"{RUNS}/{name}/seed0/record.json"))
        train = record["config"]["train"]
        assert (record["iterations"], train["decay_at"], train["clips_per_batch"]) == (20, [], 2)
        assert record["config"]["dataset"]["limit_videos"] == 3
    told = folder.read("results/rehearsal.txt")
    assert "Rehearsal: 2 of 2 trainings and 1 of 1 predictions went through at full size." in told
    assert "vita/tiny/base/seed0" in told and " to " in told
    assert "too short to tell" not in told
    assert "Tier nano: " in told and "measured here" in told
    assert not (folder.path / "results" / "runs" / "nano").exists()  # the tier itself is untouched


@pytest.mark.parametrize("steps", ["0", "many", "1.5"])
def test_steps_that_are_none(folder, steps):
    ended = folder.run("-n", rehearse=steps)
    assert ended.returncode != 0
    assert f"--config: rehearse is '{steps}'; give the number of steps, such as 200" in ended.stdout + ended.stderr
