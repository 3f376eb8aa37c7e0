"""Failed runs: they stand in the tables as failed, the rest is made as usual, and mended they alone are run again."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = "results/runs/nano/nano_shapes/vita/tiny"


@pytest.fixture
def make(fake_folder):
    """`make TARGET` in the folder, with the fake command and the nano tier: its exit code and all that it prints."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "Snakefile"):
        shutil.copy(ROOT / name, fake_folder.path)
    for name in (".venv", "workflow"):
        (fake_folder.path / name).symlink_to(ROOT / name)

    def run(*words):
        command = ["make", "-o", ".venv/installed", "CORES=2", f"TIER={fake_folder.tier}", *words]
        environment = os.environ | fake_folder.environment
        ended = subprocess.run(
            command, cwd=fake_folder.path, env=environment, capture_output=True, text=True, check=False
        )
        return ended.returncode, ended.stdout + ended.stderr

    return run


def rows(folder, table="table6"):
    """How each run stands in a table, by its folder's name; the fake table holds a line for each."""
    lines = [line.split() for line in folder.read(f"results/{table}.csv").splitlines()]
    return {Path(directory).name: state for directory, state in lines}


def test_one_seed_fails_then_is_mended(fake_folder, make):
    (fake_folder.path / "broken").write_text("train base/seed1/\n")
    code, said = make("smoke")
    assert code != 0
    assert rows(fake_folder) == rows(fake_folder, "controls") == {"seed0": "runs", "seed1": "failed"}
    assert f"failed: {BASE}/base/seed1" in said
    assert "train.log: error: base/seed1/ is broken" in said
    assert "To try them again: make smoke" in said

    code, said = make("smoke")  # still broken: tried again, and so it stays
    assert code != 0
    assert len(fake_folder.calls("train")) == 3 + 1

    (fake_folder.path / "broken").unlink()
    before = len(fake_folder.calls())
    code, said = make("smoke")
    assert code == 0, said
    assert rows(fake_folder) == {"seed0": "runs", "seed1": "runs"}
    heavy = [call for call in fake_folder.calls()[before:] if call.split()[0] in ("train", "predict", "evaluate")]
    assert len(heavy) == 1 + 1 + 7, said
    assert all("base/seed1/" in call for call in heavy)
    assert make("smoke")[0] == 0
    assert fake_folder.jobs() == {}


def test_a_failed_pretraining_fails_what_starts_from_it(fake_folder):
    tier = str(fake_folder.path / "tier" / "nano_methods.yaml")
    (fake_folder.path / "broken").write_text("train /ifc/tiny/pretrain/\n")
    assert fake_folder.run("--keep-going", tier=tier).returncode != 0
    said = fake_folder.succeed(tier=tier, failed="show")
    for variant in ("pretrain", "base"):
        assert f"failed: results/runs/nano_methods/nano_shapes/ifc/tiny/{variant}/seed0" in said
    table = fake_folder.read("results/table1.csv").splitlines()
    assert {(line.split("/")[4], line.split()[1]) for line in table} == {
        ("vita", "runs"),
        ("mask2former_vis", "runs"),
        ("ifc", "failed"),
        ("minvis", "runs"),
        ("videomt", "runs"),
    }
    (fake_folder.path / "broken").unlink()
    jobs = fake_folder.jobs(tier=tier)
    assert (jobs["train"], jobs["predict"], jobs["evaluate"]) == (2, 1, 5)
    fake_folder.succeed(tier=tier)
    assert "failed" not in fake_folder.read("results/table1.csv")


@pytest.mark.parametrize("call", ["predict base/seed0/", "evaluate base/seed0/metrics/prune50"])
def test_a_prediction_or_a_score_fails(fake_folder, call):
    (fake_folder.path / "broken").write_text(call + "\n")
    assert fake_folder.run("--keep-going").returncode != 0
    fake_folder.succeed(failed="show")
    assert rows(fake_folder) == {"seed0": "failed", "seed1": "runs"}
    controls = "failed" if call.startswith("predict") else "runs"  # they ask for no pruning
    assert rows(fake_folder, "controls")["seed0"] == controls
    (fake_folder.path / "broken").unlink()
    assert "train" not in fake_folder.jobs()
    fake_folder.succeed()
    assert rows(fake_folder) == {"seed0": "runs", "seed1": "runs"}


def test_another_error_of_the_same_run_is_told(fake_folder):
    for reason in ("base/seed1/", "seed1/config.yaml"):
        (fake_folder.path / "broken").write_text(f"train {reason}\n")
        fake_folder.run("--keep-going")
        assert fake_folder.jobs(failed="show")["table_runs"] == 2
        fake_folder.succeed(failed="show")


def test_a_run_at_work_is_not_failed(fake_folder):
    (fake_folder.path / "broken").write_text("train base/seed1/\n")
    fake_folder.run("--keep-going")
    assert "train" not in fake_folder.jobs(failed="show")
    lock = fake_folder.path / BASE / "base" / "seed1" / "work" / "lock"
    lock.parent.mkdir()
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert fake_folder.jobs(failed="show")["train"] == 1


def test_the_way_on_is_told_where_the_error_stands(fake_folder):
    (fake_folder.path / "broken").write_text("train base/seed1/\n")
    said = fake_folder.said("--keep-going")
    assert "train.log: error: base/seed1/ is broken" in said
    assert "`--config failed=show`" in said


def test_results_from_before_do_not_hide_that_a_run_failed(fake_folder):
    """All was finished once; then the pre-training is changed, and fails."""
    fake_folder.succeed()
    fake_folder.change("nano.yaml", "schedules", "pretrain", "iterations", to=5)
    (fake_folder.path / "broken").write_text("train /pretrain/\n")
    assert fake_folder.run("--keep-going").returncode != 0
    fake_folder.succeed(failed="show")
    assert rows(fake_folder) == {"seed0": "failed", "seed1": "failed"}


def test_a_report_of_what_is_there_after_a_failure(fake_folder, make):
    (fake_folder.path / "broken").write_text("train base/seed1/\n")
    assert make("smoke")[0] != 0
    code, said = make("provenance")
    assert code == 0, said
    assert "results/table6.html" in fake_folder.read("provenance.html")


@pytest.mark.parametrize("target", ["results/controls.csv", "results/claims.html"])
def test_a_report_of_one_thing_alone(fake_folder, make, target):
    fake_folder.succeed(target)
    code, said = make("provenance")
    assert code == 0, said
    report = fake_folder.read("provenance.html")
    shown = target.replace(".csv", ".html")
    assert shown in report
    assert "results/table6.html" not in report


def test_a_report_lacks_what_was_deleted(fake_folder, make):
    """What lost one of its files is out; Table 4, which is no part of all, is in where it is there."""
    fake_folder.change("nano.yaml", "experiments", to=["table4", "table6", "figure5"])
    fake_folder.succeed("results/table4.csv", "results/table6.csv", "results/figure5.pdf")
    (fake_folder.path / "results" / "figure5.png").unlink()
    code, said = make("provenance")
    assert code == 0, said
    report = fake_folder.read("provenance.html")
    assert "results/table4.html" in report and "results/figure5" not in report
    (fake_folder.path / "results" / "table4_memory.pdf").unlink()
    code, said = make("provenance")
    assert code == 0, said
    report = fake_folder.read("provenance.html")
    assert "results/table6.html" in report and "results/table4.html" not in report


def test_a_report_of_nothing(make):
    code, said = make("provenance")
    assert code != 0
    assert "there is nothing to report yet; make a table first" in said
