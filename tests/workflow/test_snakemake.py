"""The workflow itself: what is run, what is run again, and what a killed Snakemake leaves behind."""

import json
import os
import signal
import subprocess
import time
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest

BASE = "results/runs/nano/nano_shapes/vita/tiny"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("tier=nowhere",), "no tier 'nowhere'; known: laptop, mini, paper, paper_lite, released, smoke"),
        (("tier=smoke", "teir=mini"), "unknown key 'teir'; allowed: failed, rehearse, tier"),
        (("failed=hide",), "failed is 'hide'; allowed: retry (default), show"),
    ],
)
def test_bad_config_is_one_clear_error(fake_folder, settings, message):
    command = fake_folder.command("-n")
    command = [*command[: command.index("--config") + 1], *settings]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert message in ended.stdout + ended.stderr


def test_a_table_that_the_tier_does_not_offer(fake_folder):
    ended = fake_folder.run("-n", "results/table5.csv")
    assert ended.returncode != 0
    message = "the tier 'nano' does not name the experiment 'table5'; its experiments: table6, controls"
    assert message in ended.stdout + ended.stderr


def test_the_report_shows_label_and_caption_of_the_experiment_s_file(fake_folder):
    """Both tables are of one rule; without a caption of its own, a table has what holds for every one."""
    fake_folder.change("experiments/table6.yaml", "label", to="Fewer tokens")
    fake_folder.change("experiments/controls.yaml", "caption", to="")
    tables = ("results/table6.html", "results/controls.html")
    fake_folder.succeed(*tables)
    fake_folder.succeed(*tables, "--report", "report.html")
    report = fake_folder.read("report.html")
    for shown in ("Fewer tokens", "each frame keeps only a share", "Controls", "controls: an experiment of its own"):
        assert shown in report
    assert "their object tokens zeroed" not in report


def test_table_4_is_a_target_of_its_own_that_waits_for_no_run(fake_folder):
    """Ten rows, a job each: in two sizes, six with two paths of attention, one with three, three with one."""
    fake_folder.change("nano.yaml", "experiments", to=["table4", "table6"])
    assert fake_folder.jobs("results/table4.csv") == {"probe_case": 10, "probe": 10, "table4": 1}
    fake_folder.succeed("results/table4.csv")
    assert (fake_folder.path / "results" / "table4.html").exists()
    asked = (fake_folder.path / "results" / "table4.csv").read_text()
    assert asked.count("method:") == 2 * (6 * 2 + 3 + 3)
    assert all("--predict" in call for call in fake_folder.calls("probe"))
    fake_folder.change("nano.yaml", "probes", to={"device": "cpu", "budget": "1GiB", "sizes": [[64, 96]]})
    assert fake_folder.jobs("results/table4.csv") == {"probe_case": 7, "probe": 7, "table4": 1}  # measured rows


def test_table_6_and_the_claims_take_in_frames_that_fit(fake_folder):
    """Table 6 those of its four ratios, the claims all ten rows."""
    assert "probe" not in fake_folder.jobs()
    fake_folder.change("nano.yaml", "experiments", to=["table4", "table6"])
    assert fake_folder.jobs("results/table6.csv")["probe"] == 4
    assert fake_folder.jobs()["probe"] == 10
    assert "table4" not in fake_folder.jobs()


def test_a_tier_without_table_4(fake_folder):
    ended = fake_folder.run("-n", "results/table4.csv")
    assert "the tier 'nano' does not name the experiment 'table4'" in ended.stdout + ended.stderr


def test_a_changed_key_runs_again_only_what_depends_on_it(fake_folder):
    folder = fake_folder
    folder.succeed()
    assert len(folder.calls("train")) == 3
    assert folder.jobs() == {}

    folder.change("experiments/controls.yaml", "title", to="Another title")
    assert folder.jobs() == {"all": 1, "table_spec": 1, "table": 1, "claims": 1}
    assert folder.jobs("results/table6.csv") == {}

    folder.change("methods/vita.yaml", "inference", "one_token", to={"control": "zero"})
    jobs = folder.jobs()
    assert jobs["predict"] == jobs["inference_config"] == 2
    assert "train" not in jobs
    assert "run_config" not in jobs

    folder.change("nano.yaml", "schedules", "clips", "iterations", to=5)
    jobs = folder.jobs("results/table6.csv")
    assert jobs["train"] == jobs["run_config"] == 2  # both seeds of base, not what they start from
    assert "data_synth" not in jobs


def test_data_scored_on_a_part_of_train_is_divided_first(fake_folder):
    file, path = "datasets/nano_shapes.yaml", "results/data/nano_shapes/local_split.json"
    fake_folder.change(file, "local_split", to={"file": path})
    fake_folder.change(file, "validate_on", to="local_split")
    said = fake_folder.said("-n", "-p", "results/table6.csv")
    assert said.count("vita data split --dataset") == 1
    evaluations = [line for line in said.splitlines() if "vita evaluate" in line]
    assert len(evaluations) == 2 * 4  # seeds, ratios
    for line in evaluations:
        assert "--gt results/data/nano_shapes/train/instances.json" in line
        assert f"--videos {path}" in line


def test_a_score_from_a_server_goes_into_the_tables(fake_folder):
    path = fake_folder.path / "results" / "server" / "first.json"
    path.parent.mkdir(parents=True)
    score = {"tier": "nano", "dataset": "nano_shapes", "method": "vita", "backbone": "tiny", "variant": "base"}
    score |= {"seed": 0, "inference": "intact", "date": "2025-11-03", "server": "a.server.org"}
    score |= {"scores": {"AP": 40.0, "AP50": 60.0, "AP75": 42.0, "AR1": 38.0, "AR10": 45.0}}

    path.write_text(json.dumps(score))
    said = fake_folder.said("-n", "-p")
    assert said.count("--server results/server/first.json --out results/") == 3  # of all_runs and of both tables
    assert "no table asks" not in said
    path.write_text(json.dumps(score | {"inference": "intakt"}))
    assert "first.json: no table asks for inference variant 'intakt' of results/runs/nano/" in fake_folder.said("-n")
    path.write_text(json.dumps(score | {"sead": 1}))
    assert "first.json: unknown key 'sead'" in fake_folder.said("-n")


def test_a_killed_snakemake_is_in_nobodys_way(fake_folder):
    folder = fake_folder
    hold = folder.path / "hold"
    hold.touch()
    environment = os.environ | folder.environment
    first = subprocess.Popen(
        folder.command("results/table6.csv"), env=environment, start_new_session=True, stderr=subprocess.DEVNULL
    )
    try:
        weights = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0/model.safetensors"
        wait_for(folder.path / weights)
        second = folder.run("results/table6.csv")
        assert second.returncode != 0
        assert "another Snakemake is at work" in second.stdout + second.stderr  # a living Snakemake is left alone
        assert first.poll() is None

        first.kill()
        first.wait()
        assert list((folder.path / ".snakemake" / "locks").iterdir())
        assert (folder.path / weights).exists()  # half-made: the job's other outputs are missing
    finally:
        os.killpg(first.pid, signal.SIGKILL)
    hold.unlink()

    again = folder.run("results/table6.csv")
    assert again.returncode == 0, again.stderr
    assert (folder.path / "results/table6.csv").exists()


WITHOUT_LOCKS = """import errno, fcntl, os
def flock(*_):
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
fcntl.flock = flock
"""


def test_a_file_system_without_locks_is_one_clear_error(fake_folder):
    """The trainer's lock says the same: tests/engine/test_work_folder.py."""
    fake_folder.warm = None
    (fake_folder.path / "sitecustomize.py").write_text(WITHOUT_LOCKS)  # what Python imports as it starts
    fake_folder.environment["PYTHONPATH"] = str(fake_folder.path)
    said = fake_folder.said("results/table6.csv")
    assert "claim.lock: this file system has no file locks (No locks available), without which two" in said
    assert "Traceback" not in said
    assert fake_folder.calls() == []


def test_what_a_cluster_has_finished_for_a_killed_snakemake_is_kept(fake_folder):
    """Its marks of unfinished jobs name a job of the cluster; the outputs of such a job are whole as they are."""
    fake_folder.succeed()
    marks = fake_folder.path / ".snakemake" / "incomplete"
    outputs = [path.relative_to(fake_folder.path) for path in (fake_folder.path / BASE).rglob("model.safetensors")]
    assert len(outputs) == 3
    for job, output in enumerate(outputs):
        mark = marks / urlsafe_b64encode(str(output).encode()).decode()
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(json.dumps({"external_jobid": str(job)}))
    assert fake_folder.run("-n").returncode != 0  # looking alone cleans nothing up
    before = len(fake_folder.calls())
    fake_folder.succeed()
    assert len(fake_folder.calls()) == before


def wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


def test_the_workflow_starts_without_pytorch(folder):
    """Whose import takes longer than all the rest of a dry run."""
    python, module, *words = folder.command("-n", "results/table6.csv")
    command = [python, "-X", "importtime", module, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip() for line in ended.stderr.splitlines()}
    assert "vita.experiments.run_table" in loaded and not loaded & {"torch", "transformers", "numba", "matplotlib"}
