"""The workflow on a real SLURM, which slurm/start_slurm.sh starts on this machine: no accounting, no cgroups.

Whatever cuts a training off, it ends in the bytes of an uninterrupted one.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROFILE = HERE.parents[1] / "workflow" / "profiles" / "slurm"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel")
SYSTEM = os.pathsep.join((os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"))
MISSING = [name for name in NEEDED if shutil.which(name, path=SYSTEM) is None]
if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
    MISSING.append("snakemake-executor-plugin-slurm")

pytestmark = [
    pytest.mark.slurm,
    pytest.mark.dag,
    pytest.mark.skipif(bool(MISSING), reason=f"no SLURM on this machine: {', '.join(MISSING)} not installed"),
]
# A cluster without accounting, and one that is asked more often than is polite.
OPTIONS = ("--workflow-profile", str(PROFILE), "--slurm-no-account", "--slurm-status-command", "squeue")
IN_HASTE = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "20")
STEPS = 400  # of the training that is cut off: two minutes while it is slow
RUN = "results/runs/nano/nano_shapes/vita/tiny/pretrain/seed0"
WEIGHTS = f"{RUN}/model.safetensors"
WORK = f"{RUN}/work"
CHECKPOINT = f"{WORK}/last.pt"
LOG = f"{RUN}/logs/train.log"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """The environment of a cluster's users."""
    place = tmp_path_factory.mktemp("slurm")
    script = str(HERE / "slurm" / "start_slurm.sh")
    subprocess.run([script, "start", str(place)], check=True)
    path = os.pathsep.join((str(place / "bin"), SYSTEM))
    yield {"SLURM_CONF": str(place / "slurm.conf"), "PATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([script, "stop", str(place)], check=True)


class Cluster:
    """A working folder whose jobs go to SLURM."""

    def __init__(self, folder, environment):
        self.folder, self.path = folder, folder.path
        self.environment = os.environ | folder.environment | environment
        self.log, self.started = folder.path / "snakemake.log", []

    def start(self, *arguments):
        """Snakemake, in the background; what it says is in snakemake.log."""
        with self.log.open("a") as log:
            command = self.folder.command(*arguments, *OPTIONS, *IN_HASTE)
            snakemake = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        self.started.append(snakemake)
        return snakemake

    def succeed(self, *arguments):
        self.wait(self.start(*arguments))

    def wait(self, snakemake):
        assert snakemake.wait(timeout=540) == 0, self.log.read_text()

    def call(self, *command):
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout

    def jobs(self, state="RUNNING"):
        """Numbers of this folder's jobs in that state."""
        lines = self.call("squeue", "--noheader", f"--states={state}", "--format=%i %Z").splitlines()
        return [number for number, place in map(str.split, lines) if place == str(self.path)]

    def end(self):
        """Leave nothing at work, also after a test that failed."""
        for snakemake in self.started:
            snakemake.kill()
            snakemake.wait()
        for job in [*self.jobs(), *self.jobs("PENDING")]:
            self.call("scancel", job)
        self.until(lambda: not [*self.jobs(), *self.jobs("COMPLETING")])

    def until(self, happened, snakemake=None):
        deadline = time.monotonic() + 480  # several times what an idle machine takes
        while not happened():
            assert time.monotonic() < deadline, self.log.read_text()
            assert snakemake is None or snakemake.poll() is None, self.log.read_text()
            time.sleep(0.2)

    def exists(self, name):
        return (self.path / name).exists()

    def read(self, name):
        return (self.path / name).read_text() if self.exists(name) else ""

    def record(self, place=RUN):
        return json.loads(self.read(f"{place}/record.json"))


@pytest.fixture
def cluster(folder, slurm):
    """A training of two minutes, or of seconds as soon as the file `slow` is gone."""
    vita = folder.path / "bin" / "vita"
    vita.parent.mkdir()
    vita.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "slurm" / "slow_vita.py"}" "$@"\n')
    vita.chmod(0o755)
    folder.environment["VITA_BIN"] = str(vita.parent)
    folder.change("nano.yaml", "schedules", "pretrain", "iterations", to=STEPS)
    folder.change("nano.yaml", "schedules", "pretrain", "checkpoint_every", to=20)
    (folder.path / "slow").touch()
    made = Cluster(folder, slurm)
    yield made
    made.end()


EXPECTED = {}


def ends_as_uninterrupted(cluster):
    """The weights are those of the same training on this machine, at one go; it is made once."""
    if not EXPECTED:
        alone = cluster.path / "alone"
        shutil.copytree(cluster.path / "results" / "data", alone / "results" / "data")
        (alone / RUN).mkdir(parents=True)
        shutil.copy(cluster.path / RUN / "config.yaml", alone / RUN)
        command = [sys.executable, "-m", "vita", "train", "--config", f"{RUN}/config.yaml"]
        subprocess.run(command, cwd=alone, env=cluster.environment, check=True)
        EXPECTED["weights"] = (alone / WEIGHTS).read_bytes()
    assert (cluster.path / WEIGHTS).read_bytes() == EXPECTED["weights"]
    assert cluster.record()["status"] == "finished"


def test_table_6_is_the_same_as_without_a_cluster(folder, slurm, tmp_path):
    cluster = Cluster(folder, slurm)
    cluster.succeed("results/table6.csv")
    results = {path.relative_to(tmp_path): path.read_bytes() for path in made(tmp_path)}
    assert len(results) == 3 + 2 * (7 + 4) + 1  # weights; predictions, also of the controls, and scores; the table
    shutil.move(tmp_path / "results", tmp_path / "of_the_cluster")
    shutil.rmtree(tmp_path / ".snakemake")
    folder.succeed("results/table6.csv")
    assert {path.relative_to(tmp_path): path.read_bytes() for path in made(tmp_path)} == results


def made(place):
    """Weights, predictions, scores and the table."""
    patterns = ("runs/**/seed*/model.safetensors", "runs/**/predictions/*.json", "runs/**/metrics/*.json", "table6.csv")
    return [path for pattern in patterns for path in (place / "results").glob(pattern)]


def was_interrupted_and_went_on(cluster, snakemake):
    """The training leaves a record of its end in mid-training, and the next job goes on from there."""
    cluster.until(lambda: cluster.exists(f"{WORK}/record.json"), snakemake)
    left = cluster.record(WORK)
    (cluster.path / "slow").unlink()
    cluster.wait(snakemake)
    assert left["status"] == "interrupted" and 0 < left["iterations"] < STEPS
    assert cluster.record()["resumed_at"] == [left["iterations"]]


def test_a_time_limit_in_mid_training(cluster):
    """A minute for each job, and no warning: SLURM asks for the end, and would kill half a minute later."""
    cluster.folder.change("nano.yaml", "longest_job", to=1)
    snakemake = cluster.start(WEIGHTS, "--set-resources", "train:slurm_extra=''")
    was_interrupted_and_went_on(cluster, snakemake)
    assert "TIMEOUT" in cluster.log.read_text()
    ends_as_uninterrupted(cluster)


@pytest.mark.parametrize("warning", ["USR1", "USR2", "TERM"])
def test_a_warning_before_the_time_limit(cluster, warning):
    """Half a minute to a minute before it, and a minute or more after the start; the job has then ended by itself."""
    cluster.folder.change("nano.yaml", "longest_job", to=2)
    snakemake = cluster.start(WEIGHTS, "--set-resources", f"train:slurm_extra='--signal={warning}@30'")
    was_interrupted_and_went_on(cluster, snakemake)
    assert "TIMEOUT" not in cluster.log.read_text()
    ends_as_uninterrupted(cluster)


def test_a_cancelled_job(cluster):
    snakemake = cluster.start(WEIGHTS)
    cluster.until(lambda: cluster.exists(CHECKPOINT), snakemake)
    (job,) = cluster.jobs()
    cluster.call("scancel", job)
    was_interrupted_and_went_on(cluster, snakemake)
    ends_as_uninterrupted(cluster)


def took_what_another_job_finished(cluster):
    assert "another job has finished this training meanwhile" in cluster.read(LOG)
    assert cluster.record()["resumed_at"] == []
    ends_as_uninterrupted(cluster)


def killed(cluster):
    """The number of the job that trains on after its Snakemake was killed."""
    snakemake = cluster.start(WEIGHTS)
    cluster.until(lambda: cluster.exists(CHECKPOINT), snakemake)
    snakemake.kill()
    snakemake.wait()
    (job,) = cluster.jobs()
    return job


def test_snakemake_is_killed_and_its_new_job_waits_for_the_trainer(cluster):
    first = killed(cluster)
    again = cluster.start(WEIGHTS)
    cluster.until(lambda: "waiting for" in cluster.read(LOG), again)
    line = cluster.read(LOG).strip().splitlines()[-1]
    assert f", job {first}, at work since" in line and f" of {STEPS} at " in line
    (cluster.path / "slow").unlink()
    cluster.wait(again)
    took_what_another_job_finished(cluster)


def test_snakemake_is_killed_and_its_new_job_begins_when_the_trainer_is_done(cluster):
    """As where the queue is full. Snakemake deletes the weights before the job; they are not made a second time."""
    killed(cluster)
    node = cluster.call("sinfo", "--noheader", "--format=%n").strip()
    cluster.call("scontrol", "update", f"nodename={node}", "state=drain", "reason=full")
    try:
        again = cluster.start(WEIGHTS)
        cluster.until(lambda: cluster.jobs("PENDING"), again)
        (cluster.path / "slow").unlink()
        cluster.until(lambda: not cluster.jobs(), again)
        assert cluster.exists(WEIGHTS)
    finally:
        cluster.call("scontrol", "update", f"nodename={node}", "state=resume")
    cluster.wait(again)
    took_what_another_job_finished(cluster)


def test_snakemake_is_killed_and_called_again_when_all_is_done(cluster):
    killed(cluster)
    (cluster.path / "slow").unlink()
    cluster.until(lambda: not cluster.jobs())
    cluster.log.write_text("")
    cluster.succeed(WEIGHTS)
    assert "Nothing to be done" in cluster.log.read_text()
    ends_as_uninterrupted(cluster)
